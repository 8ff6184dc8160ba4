"""Stacking and scanning agree with the kernel's own overlay file system."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from trees import CAPABILITY, tar_of, trees

from herdbook.layers.extracting import extract
from herdbook.layers.scanning import scan
from herdbook.layers.stacking import changes, stack
from herdbook.layers.tree import Kind, Tree

pytestmark = pytest.mark.root
relaxed = settings(deadline=None, max_examples=60)


def unpack(tree: Tree, directory: Path) -> Path:
    """Write a generated tree to disk, with what `extract` leaves out."""
    directory.mkdir(exist_ok=True)
    extract(BytesIO(tar_of(tree)), directory)
    for path, entry in tree.items():
        if entry.xattrs:
            os.setxattr(directory / path, "security.capability", CAPABILITY)
        if entry.kind is Kind.SYMLINK:
            os.utime(directory / path, (entry.mtime, entry.mtime), follow_symlinks=False)
    return directory


@contextmanager
def overlay(lower: list[Path], place: Path) -> Iterator[tuple[Path, Path]]:
    """Mount folders on each other, the lowest first; give the upper folder and the merged view."""
    upper, work, merged = (place / name for name in ("upper", "work", "merged"))
    for folder in (upper, work, merged):
        folder.mkdir()
    folders = ":".join(str(each) for each in reversed(lower))
    options = f"lowerdir={folders},upperdir={upper},workdir={work},metacopy=off,redirect_dir=off"
    subprocess.run(["mount", "-t", "overlay", "none", "-o", options, merged], check=True)
    try:
        yield upper, merged
    finally:
        subprocess.run(["umount", merged], check=True)


Act = Callable[[Path], None]


def _replace_by_file(path: Path) -> None:
    _remove(path)
    path.write_bytes(b"new")


def _replace_by_folder(path: Path) -> None:
    _remove(path)
    path.mkdir()


def _replace_by_pipe(path: Path) -> None:
    _remove(path)
    os.mkfifo(path)


def _replace_by_link(path: Path) -> None:
    _remove(path)
    path.symlink_to("elsewhere")


def _append(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        with path.open("ab") as stream:
            stream.write(b"more")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _name_again(path: Path) -> None:
    os.link(path, path.with_name("again"), follow_symlinks=False)


def _forbid(path: Path) -> None:
    path.chmod(0o700)


def _move(path: Path) -> None:
    path.rename(path.with_name("moved"))


def _set_capability(path: Path) -> None:
    if path.is_file() and not path.is_symlink():
        os.setxattr(path, "security.capability", CAPABILITY)


ACTS: list[Act] = [
    _append,
    _forbid,
    _move,
    _name_again,
    _remove,
    _replace_by_file,
    _replace_by_folder,
    _replace_by_link,
    _replace_by_pipe,
    _set_capability,
]
PATHS = some.lists(some.sampled_from(["a", "b", "c", "again"]), min_size=1, max_size=3).map(
    "/".join
)


@relaxed
@given(trees(), some.lists(some.tuples(some.sampled_from(ACTS), PATHS), max_size=8))
def test_scanning_an_upper_folder_over_a_tree_is_scanning_the_mounted_view(
    lower: Tree, acts: list[tuple[Act, str]]
) -> None:
    with TemporaryDirectory() as name:
        below = unpack(lower, Path(name) / "lower")
        with overlay([below], Path(name)) as (upper, merged):
            for act, path in acts:
                with suppress(OSError):  # an act that makes no sense there changes nothing
                    act(merged / path)
            shown = scan(merged)
        assert scan(upper, scan(below)) == shown


@relaxed
@given(some.lists(trees(), min_size=1, max_size=3))
def test_stacked_trees_are_what_the_kernel_shows_of_stacked_folders(layers: list[Tree]) -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        folders = [unpack(tree, place / str(number)) for number, tree in enumerate(layers)]
        with overlay(folders, place) as (_, merged):
            assert scan(merged) == stack(layers)


@relaxed
@given(trees(), trees())
def test_changes_applied_to_an_upper_folder_show_the_wanted_tree(lower: Tree, wanted: Tree) -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        below = unpack(lower, place / "lower")
        layer = changes(lower, wanted)
        with overlay([below], place) as (_, merged):
            for path, entry in layer.items():
                there = lower.get(path)
                if there and not entry.kind is there.kind is Kind.DIRECTORY:
                    _remove(merged / path)
            unpack(stack([{}, layer]), merged)
            assert scan(merged) == wanted


@given(trees())
@settings(deadline=None, max_examples=60)
def test_a_tree_written_to_disk_is_scanned_as_it_was(tree: Tree) -> None:
    with TemporaryDirectory() as name:
        assert scan(unpack(tree, Path(name) / "root")) == tree
