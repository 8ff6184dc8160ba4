"""Trees for property tests: arbitrary, but such as a file system can hold."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from hypothesis import strategies as some

from herdbook.core import digests
from herdbook.layers.contents import KeptLayer
from herdbook.layers.tree import Entry, Kind, Tree, parents, tree_of
from herdbook.layers.writing import tar_pieces

CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""What `setcap cap_net_bind_service=ep` writes."""

MODES = some.sampled_from([0o644, 0o755, 0o600, 0o4755, 0o2755, 0o1777, 0o7777, 0])
NAMES = some.sampled_from(["a", "b", "c", "ä", "n\udcff", "b-", "b.", "with space"])
PATHS = some.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = some.sampled_from([b"", b"one", b"two\n", b"x" * 512, b"y" * 513])
TARGETS = some.sampled_from(["a", "../b", "/etc/passwd", "nowhere/ö", "long/" * 30])


def content_of(entry: Entry) -> bytes:
    """Return the content that a generated file has, known from its digest."""
    return next(each for each in KNOWN if digests.of_bytes(each) == entry.digest)


KNOWN = (b"", b"one", b"two\n", b"x" * 512, b"y" * 513)


def open_content(entry: Entry) -> BinaryIO:
    """Open the content of a generated file."""
    return BytesIO(content_of(entry))


def file(path: str, content: bytes = b"one", mode: int = 0o644, **more: Any) -> Entry:
    """Return a file with a content that `open_content` knows."""
    digest = digests.of_bytes(content)
    return Entry(path, Kind.FILE, mode=mode, size=len(content), digest=digest, **more)


def folder(path: str, mode: int = 0o755) -> Entry:
    """Return a directory of root's."""
    return Entry(path, Kind.DIRECTORY, mode=mode)


def link(path: str, target: str) -> Entry:
    """Return a symlink of root's."""
    return Entry(path, Kind.SYMLINK, mode=0o777, target=target)


def further_name(original: Entry, path: str) -> Entry:
    """Return a hardlink to a file."""
    return replace(
        original,
        path=path,
        kind=Kind.HARDLINK,
        target=original.path,
        size=0,
        digest=None,
        xattrs=(),
    )


def tree(*entries: Entry) -> dict[str, Entry]:
    """Return a tree of these entries and the directories above them."""
    above = {path for entry in entries for path in parents(entry.path)}
    return tree_of([*(folder(path) for path in above), *entries])


@some.composite
def leaves(draw: some.DrawFn, path: str) -> Entry:
    """Draw a file, a symlink or an empty directory."""
    kind = draw(some.sampled_from([Kind.FILE, Kind.FILE, Kind.SYMLINK, Kind.DIRECTORY]))
    owner: dict[str, Any] = {
        "uid": draw(some.sampled_from([0, 1000])),
        "gid": draw(some.sampled_from([0, 5])),
    }
    if kind is Kind.FILE:
        made = file(path, draw(CONTENTS), draw(MODES), mtime=draw(some.integers(0, 9)), **owner)
        capable = draw(some.booleans())
        return replace(made, xattrs=(("security.capability", CAPABILITY),)) if capable else made
    if kind is Kind.SYMLINK:
        return Entry(path, kind, 0o777, mtime=draw(some.integers(0, 9)), target=draw(TARGETS))
    return Entry(path, kind, draw(MODES), **owner)


@some.composite
def trees(draw: some.DrawFn, hardlinks: bool = True) -> dict[str, Entry]:  # noqa: FBT001, FBT002
    """Draw a tree: every path's parents are directories of it, hardlinks follow their files."""
    found: dict[str, Entry] = {}
    for path in draw(some.lists(PATHS, max_size=8)):
        if _free(found, path):
            for above in parents(path):
                found.setdefault(above, Entry(above, Kind.DIRECTORY, draw(MODES)))
            found.setdefault(path, draw(leaves(path)))
    if hardlinks:
        for path in draw(some.lists(PATHS, max_size=3)):
            _add_hardlink(draw, found, path)
    return tree_of(found.values())


def _free(found: Mapping[str, Entry], path: str) -> bool:
    return all(found[above].kind is Kind.DIRECTORY for above in parents(path) if above in found)


def _add_hardlink(draw: some.DrawFn, found: dict[str, Entry], path: str) -> None:
    files = [each for each in found.values() if each.kind is Kind.FILE and each.path < path]
    if files and path not in found and _free(found, path):
        for above in parents(path):
            found.setdefault(above, Entry(above, Kind.DIRECTORY, 0o755))
        found[path] = further_name(draw(some.sampled_from(files)), path)


def tar_of(layer: Tree) -> bytes:
    """Return the canonical tar of a generated tree."""
    return b"".join(tar_pieces(layer.values(), open_content))


def kept(layers: Iterable[Tree], directory: Path) -> list[KeptLayer]:
    """Write layers as files and return them as the store would."""
    found = []
    for number, layer in enumerate(layers):
        path = directory / str(number)
        path.write_bytes(tar_of(layer))
        found.append(KeptLayer(path, layer))
    return found
