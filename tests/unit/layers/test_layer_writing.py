"""Layers are written canonically, and GNU tar and Python read what was meant."""

import hashlib
import os
import subprocess
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from trees import CAPABILITY, file, folder, further_name, link, open_content, tar_of, tree

from herdbook.core.errors import VerificationError
from herdbook.layers.tree import Entry, Kind
from herdbook.layers.writing import header, tar_pieces

LONG = "long/" * 40 + "ö"
FIRST = file("bin/first", b"one", 0o4755, uid=0, gid=42, mtime=1_686_355_200)
TREE = tree(
    FIRST,
    further_name(FIRST, "bin/second"),
    folder("srv/sticky", 0o1777),
    link("etc/ä link", LONG),
    file(LONG, b"y" * 513, mtime=7),
    file("etc/n\udcff", b"", 0o600),
    file("etc/many", b"two\n", uid=3_000_000, gid=4_294_967_294, mtime=2**33 + 10),
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "layer.tar"
    path.write_bytes(tar_of(TREE))
    return path


def gnu_tar(*arguments: str | Path) -> bytes:
    done = subprocess.run(["tar", *arguments], capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def test_bytes_never_change() -> None:
    """Who changes this digest changes every layer of every image: raise LAYER_FORMAT with it."""
    simple = tree(FIRST, further_name(FIRST, "bin/second"), link("lib", "usr/lib"), folder("srv"))
    assert hashlib.sha256(tar_of(simple)).hexdigest() == (
        "c1f6b629f97728ca81167ec5c941b5bfef316798fea4fdeb4fad31be7f20d757"
    )


def test_gnu_tar_lists_every_name_in_order_of_path(archive: Path) -> None:
    listed = gnu_tar("--list", "--quoting-style=literal", "--show-transformed-names", "-f", archive)
    names = [line.rstrip(b"/") for line in listed.splitlines()]
    assert names == [path.encode(errors="surrogateescape") for path in TREE]


def test_gnu_tar_shows_modes_owners_sizes_and_times(archive: Path) -> None:
    listed = gnu_tar("--list", "--verbose", "--numeric-owner", "--utc", "-f", archive).decode()
    lines = {line.split()[5]: line.split()[:5] for line in listed.splitlines()}
    assert lines["bin/first"] == ["-rwsr-xr-x", "0/42", "3", "2023-06-10", "00:00"]
    assert lines["srv/sticky/"][:3] == ["drwxrwxrwt", "0/0", "0"]
    assert lines["etc/many"][:4] == ["-rw-r--r--", "3000000/4294967294", "4", "2242-03-16"]


@pytest.mark.root
def test_gnu_tar_unpacks_contents_links_and_hardlinks(archive: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    gnu_tar("--extract", "--numeric-owner", "--warning=no-timestamp", "-f", archive, "-C", root)
    assert (root / "bin/first").read_bytes() == b"one"
    assert (root / "bin/second").stat().st_ino == (root / "bin/first").stat().st_ino
    assert (root / LONG).read_bytes() == b"y" * 513
    assert (root / "etc/ä link").is_symlink()
    assert (root / "etc/n\udcff").read_bytes() == b""
    status = (root / "etc/many").stat()
    assert (status.st_uid, status.st_gid, status.st_mtime) == (3_000_000, 4_294_967_294, 2**33 + 10)


@pytest.mark.root
def test_gnu_tar_restores_a_capability(tmp_path: Path) -> None:
    able = Entry("ping", Kind.FILE, 0o755, xattrs=(("security.capability", CAPABILITY),))
    path = tmp_path / "layer.tar"
    path.write_bytes(b"".join(tar_pieces([able], lambda _: BytesIO())))
    gnu_tar("--extract", "--xattrs", "--xattrs-include=*", "-f", path, "-C", tmp_path)
    assert os.getxattr(tmp_path / "ping", "security.capability") == CAPABILITY


def test_python_reads_the_same_members(archive: Path) -> None:
    with tarfile.open(archive) as found:
        assert found.getnames() == list(TREE)
        assert found.getmember("etc/many").uid == 3_000_000
        assert found.getmember("etc/ä link").linkname == LONG


def test_simple_entries_need_one_block_and_no_extension() -> None:
    for entry in (FIRST, folder("srv"), link("a", "b"), file("x" * 100)):
        assert len(header(entry)) == 512
    assert len(header(file("x" * 101))) > 512


def test_a_removal_is_an_oci_whiteout() -> None:
    layer = tree(Entry("etc/gone", Kind.REMOVED), Entry("top", Kind.REMOVED))
    with tarfile.open(fileobj=BytesIO(tar_of(layer))) as found:
        assert sorted(found.getnames()) == [".wh.top", "etc", "etc/.wh.gone"]
        assert all(each.isfile() and each.size == 0 for each in found if ".wh." in each.name)


def test_directories_carry_the_slash_that_old_programs_look_for() -> None:
    assert header(folder("srv")).startswith(b"srv/\0")


@pytest.mark.parametrize("content", [b"", b"on", b"one!"])
def test_a_content_of_another_length_is_refused(content: bytes) -> None:
    with pytest.raises(VerificationError, match="a/file"):
        list(tar_pieces([file("a/file", b"one")], lambda _: BytesIO(content)))


def test_every_content_is_closed() -> None:
    opened: list[BytesIO] = []

    def contents(entry: Entry) -> BytesIO:
        opened.append(BytesIO(open_content(entry).read()))
        return opened[-1]

    list(tar_pieces(TREE.values(), contents))
    assert len(opened) == 4
    assert all(each.closed for each in opened)


def test_entries_may_come_from_anywhere_once() -> None:
    def entries() -> Iterator[Entry]:
        yield from reversed(TREE.values())

    assert b"".join(tar_pieces(entries(), open_content)) == tar_of(TREE)


def test_the_end_is_two_empty_blocks() -> None:
    assert tar_of({}) == bytes(1024)
    assert tar_of(TREE).endswith(bytes(1024))
    assert len(tar_of(TREE)) % 512 == 0
