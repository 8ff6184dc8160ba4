"""Contents are found inside kept layers without unpacking them."""

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from trees import file, folder, further_name, kept, link, tree

from herdbook.core.errors import NotFoundError
from herdbook.layers.contents import KeptLayer, content_in, merged_tar
from herdbook.layers.tree import Entry, Kind

FIRST = file("usr/a", b"one")
LOWER = tree(FIRST, further_name(FIRST, "usr/b"), file("etc/conf", b"y" * 513), file("opt/x/y"))
UPPER = tree(
    file("usr/a", b"two\n"), link("etc/link", "conf"), Entry("opt/x", Kind.REMOVED), folder("usr")
)


@pytest.fixture
def layers(tmp_path: Path) -> list[KeptLayer]:
    return kept([LOWER, UPPER], tmp_path)


def test_offsets_are_where_python_finds_the_contents(layers: list[KeptLayer]) -> None:
    for layer in layers:
        with tarfile.open(layer.path) as archive:
            files = {each.name: each.offset_data for each in archive if each.isreg()}
        files.pop("opt/.wh.x", None)
        assert layer.offsets == files


def test_a_content_is_read_in_pieces(layers: list[KeptLayer]) -> None:
    assert b"".join(layers[0].pieces("etc/conf")) == b"y" * 513
    assert b"".join(layers[1].pieces("usr/a")) == b"two\n"


@pytest.mark.parametrize(
    ("path", "content"), [("usr/a", b"two\n"), ("usr/b", b"one"), ("etc/conf", b"y" * 513)]
)
def test_the_topmost_content_counts_and_names_keep_their_own(
    layers: list[KeptLayer], path: str, content: bytes
) -> None:
    assert content_in(layers, path) == content


@pytest.mark.parametrize("path", ["absent", "usr", "etc/link", "opt/x", "opt/x/y", "opt"])
def test_what_is_no_file_of_the_image_is_not_found(layers: list[KeptLayer], path: str) -> None:
    with pytest.raises(NotFoundError, match=path):
        content_in(layers, path)


def test_a_merged_tar_is_unpacked_by_gnu_tar(layers: list[KeptLayer], tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    given = b"".join(merged_tar(layers))
    subprocess.run(["tar", "-x", "-C", root], input=given, check=True)
    assert (root / "usr/a").read_bytes() == b"two\n"
    assert (root / "usr/b").read_bytes() == b"one"
    assert (root / "etc/link").read_bytes() == b"y" * 513
    assert not (root / "opt/x").exists()


def test_a_merged_tar_begins_with_the_root_folder(layers: list[KeptLayer]) -> None:
    with tarfile.open(fileobj=BytesIO(b"".join(merged_tar(layers)))) as archive:
        first = archive.getmembers()[0]
    assert (first.name, first.isdir(), first.mode) == (".", True, 0o755)
    assert b"".join(merged_tar([])).endswith(bytes(1024))
