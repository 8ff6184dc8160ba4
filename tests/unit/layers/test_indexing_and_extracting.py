"""Trees are kept as they are, and a layer can be unpacked for a sandbox to stand on."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from trees import CAPABILITY, file, folder, further_name, link, tar_of, tree

from herdbook.core.errors import VerificationError
from herdbook.layers.extracting import extract
from herdbook.layers.indexing import identity, parse_index, render_index
from herdbook.layers.tree import Entry, Kind
from herdbook.layers.writing import tar_pieces

FIRST = file("a/first", b"one", 0o4755, mtime=1000)
TREE = tree(
    FIRST,
    further_name(FIRST, "a/second"),
    folder("b", 0o1777),
    link("c", "a/first"),
    Entry("d", Kind.REMOVED),
    Entry("n\udcff\n\u2028", Kind.FILE, xattrs=(("security.capability", CAPABILITY),)),
)


def test_an_index_gives_back_its_tree() -> None:
    assert parse_index(render_index(TREE)) == TREE
    assert parse_index(render_index({})) == {}


def test_equal_trees_have_equal_indexes_and_identities() -> None:
    shuffled = tree(*reversed(TREE.values()))
    assert render_index(shuffled) == render_index(TREE)
    assert identity(shuffled) == identity(TREE)


@pytest.mark.parametrize("field", ["mode", "uid", "gid", "mtime"])
def test_trees_that_differ_in_anything_have_different_identities(field: str) -> None:
    changed: Any = {"mode": 0o1777, field: 7}
    other = {**TREE, "b": Entry("b", Kind.DIRECTORY, **changed)}
    assert identity(other) != identity(TREE)


@pytest.mark.root
def test_extract_makes_files_folders_and_links(tmp_path: Path) -> None:
    owned = Entry("b", Kind.DIRECTORY, 0o1777, uid=3, gid=4)
    shown = {path: entry for path, entry in TREE.items() if entry.kind is not Kind.REMOVED}
    shown = {**{path: each for path, each in shown.items() if not each.xattrs}, "b": owned}
    extract(BytesIO(tar_of(shown)), tmp_path)
    first, second = tmp_path / "a/first", tmp_path / "a/second"
    assert first.read_bytes() == b"one"
    assert (first.stat().st_mode & 0o7777, first.stat().st_mtime) == (0o4755, 1000)
    assert second.stat().st_ino == first.stat().st_ino
    assert (tmp_path / "c").readlink() == Path("a/first")
    status = (tmp_path / "b").stat()
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o1777, 3, 4)


def test_extract_never_leaves_its_folder(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(VerificationError):
        extract(BytesIO(tar_of(tree(file("../outside")))), inside)
    assert not (tmp_path / "outside").exists()


def test_a_further_name_takes_no_capability_away(tmp_path: Path) -> None:
    """The kernel drops capabilities when a file is given an owner."""
    ping = replace(file("bin/ping", b"x", 0o755), xattrs=(("security.capability", CAPABILITY),))
    entries = tree(folder("bin"), ping, further_name(ping, "bin/ping6"))
    extract(BytesIO(b"".join(tar_pieces(entries.values(), lambda _: BytesIO(b"x")))), tmp_path)
    assert os.getxattr(tmp_path / "bin/ping", "security.capability") == CAPABILITY
    assert (tmp_path / "bin/ping6").samefile(tmp_path / "bin/ping")
