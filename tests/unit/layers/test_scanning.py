"""A folder is scanned by content, as the root of an image."""

import os
import socket
from pathlib import Path

import pytest
from trees import CAPABILITY, file, tree

from herdbook.core.digests import of_bytes
from herdbook.core.errors import VerificationError
from herdbook.layers.scanning import scan
from herdbook.layers.tree import Kind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def test_files_carry_their_content_and_whole_seconds(root: Path) -> None:
    (root / "a").write_bytes(b"content")
    (root / "a").chmod(0o4750)
    os.utime(root / "a", (0, 12.9))
    entry = scan(root)["a"]
    assert (entry.kind, entry.size, entry.digest) == (Kind.FILE, 7, of_bytes(b"content"))
    assert (entry.mode, entry.mtime) == (0o4750, 12)
    assert (entry.uid, entry.gid) == (os.getuid(), os.getgid())


def test_folders_have_no_time(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a").chmod(0o1777)
    assert [(each.path, each.mtime) for each in scan(root).values()] == [("a", 0), ("a/b", 0)]
    assert scan(root)["a"].mode == 0o1777


@pytest.mark.parametrize("target", ["x", "./x", "x/", "/etc//passwd", "../..", "."])
def test_symlinks_keep_their_text_letter_by_letter(root: Path, target: str) -> None:
    (root / "a").symlink_to("absent")
    (root / "a").unlink()
    os.symlink(target, root / "a")  # noqa: PTH211 - pathlib might tidy it up
    entry = scan(root)["a"]
    assert (entry.kind, entry.target, entry.mode) == (Kind.SYMLINK, target, 0o777)


def test_links_to_folders_are_not_followed(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real" / "file").touch()
    (root / "link").symlink_to("real")
    assert set(scan(root)) == {"link", "real", "real/file"}


def test_the_first_name_by_path_is_the_file(root: Path) -> None:
    (root / "b").write_bytes(b"content")
    (root / "c").hardlink_to(root / "b")
    (root / "a").mkdir()
    (root / "a" / "z").hardlink_to(root / "b")
    found = scan(root)
    assert found["a/z"].kind is Kind.FILE
    assert [(found[name].kind, found[name].target) for name in "bc"] == [
        (Kind.HARDLINK, "a/z"),
        (Kind.HARDLINK, "a/z"),
    ]


def test_sockets_and_pipes_are_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    assert scan(root) == {}


def test_a_pipe_hides_what_lay_below(root: Path) -> None:
    os.mkfifo(root / "a")
    assert scan(root, tree(file("a/b"), file("c"))) == tree(file("c"))


@pytest.mark.root
def test_devices_are_refused(root: Path) -> None:
    os.mknod(root / "null", 0o20666, os.makedev(1, 3))
    with pytest.raises(VerificationError, match="/null is a device"):
        scan(root)


@pytest.mark.root
def test_only_a_capability_is_kept_of_attributes(root: Path) -> None:
    (root / "a").touch()
    os.setxattr(root / "a", "security.capability", CAPABILITY)
    os.setxattr(root / "a", "user.note", b"mine")
    assert scan(root)["a"].xattrs == (("security.capability", CAPABILITY),)


@pytest.mark.root
def test_marks_of_overlayfs_hide_what_lies_below(root: Path) -> None:
    os.mknod(root / "gone", 0o20000, os.makedev(0, 0))
    (root / "opaque").mkdir()
    os.setxattr(root / "opaque", "trusted.overlay.opaque", b"y")
    (root / "plain").mkdir()
    lower = tree(file("gone/a"), file("opaque/a"), file("plain/a"))
    assert set(scan(root, lower)) == {"opaque", "plain", "plain/a"}


def test_names_that_are_no_text_are_kept(root: Path) -> None:
    (root / "n\udcff").touch()
    assert list(scan(root)) == ["n\udcff"]


def test_equal_folders_give_equal_trees(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("b", "a", "c"):
        (root / name).write_bytes(b"x")
    for name in ("c", "a", "b"):
        (other / name).write_bytes(b"x")
    for path in (*root.iterdir(), *other.iterdir()):
        os.utime(path, (0, 0))
    assert list(scan(root).items()) == list(scan(other).items())
