"""Which files differ between two stacks of layers, and in what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from herdbook.layers.stacking import Difference, differences, stack
from herdbook.layers.tree import Entry, Kind, Tree

_TitledTree = tuple[str, Tree]
"""A layer's title and its tree."""


class FileChangeKind(StrEnum):
    """In what a path differs; of several, the first that is true."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MODE = "mode-only"
    TIME = "time-only"


@dataclass(frozen=True)
class FileChange:
    """A path that differs, with the bytes of its content on each side.

    `layer` is the title of the layer it lies in, or lay in. `is_folder` is that of the side that
    has it.
    """

    path: str
    kind: FileChangeKind
    before_bytes: int
    after_bytes: int
    layer: str
    is_folder: bool = False


@dataclass(frozen=True)
class Counted:
    """How many paths of one kind there are, and by how many bytes the image grows with them."""

    count: int
    size_bytes: int


def file_changes(
    before: Sequence[_TitledTree], after: Sequence[_TitledTree]
) -> tuple[FileChange, ...]:
    """Compare what two stacks of layers show, the lowest first.

    What lies in the uppermost layers comes first: a recipe's author put it there. A further name
    of a file counts as a file with the same content.
    """
    old, new = (stack(tree for _, tree in side) for side in (before, after))
    old_places, new_places = _places(before), _places(after)
    found = []
    for difference in differences(old, new):
        place = new_places if difference.found else old_places
        height, title = place[difference.path]
        change = _judged(difference, old, new, title)
        if change is not None:
            found.append((-height, change.path, change))
    return tuple(change for _, _, change in sorted(found, key=lambda each: each[:2]))


def counted(changes: Iterable[FileChange]) -> Mapping[FileChangeKind, Counted]:
    """Count changes by kind; every kind is there."""
    totals = dict.fromkeys(FileChangeKind, (0, 0))
    for each in changes:
        count, size = totals[each.kind]
        totals[each.kind] = (count + 1, size + each.after_bytes - each.before_bytes)
    return {kind: Counted(*total) for kind, total in totals.items()}


def _places(layers: Iterable[_TitledTree]) -> dict[str, tuple[int, str]]:
    """Return by path how high the layer lies that holds it, and what it is called."""
    return {path: (height, title) for height, (title, tree) in enumerate(layers) for path in tree}


def _judged(difference: Difference, old: Tree, new: Tree, layer: str) -> FileChange | None:
    before, after = _plain(difference.wanted, old), _plain(difference.found, new)
    kind = _kind(before, after)
    if kind is None:
        return None
    seen = after or before
    return FileChange(
        difference.path,
        kind,
        before.size if before else 0,
        after.size if after else 0,
        layer,
        is_folder=seen is not None and seen.kind is Kind.DIRECTORY,
    )


def _plain(entry: Entry | None, tree: Tree) -> Entry | None:
    """Return a further name of a file as that file."""
    if entry is None or entry.kind is not Kind.HARDLINK:
        return entry
    return replace(tree[entry.target], path=entry.path)


def _kind(before: Entry | None, after: Entry | None) -> FileChangeKind | None:
    if before is None or after is None:
        return FileChangeKind.ADDED if before is None else FileChangeKind.REMOVED
    if before == after:
        return None
    if _content(before) != _content(after):
        return FileChangeKind.CHANGED
    same_but_time = replace(before, mtime=0) == replace(after, mtime=0)
    return FileChangeKind.TIME if same_but_time else FileChangeKind.MODE


def _content(entry: Entry) -> tuple[object, ...]:
    return (entry.kind, entry.size, entry.digest, entry.target)
