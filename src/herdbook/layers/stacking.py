"""Stacks trees as a runtime stacks layers, and tells where two trees differ."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from herdbook.layers.tree import Entry, Kind, Tree, parents


@dataclass(frozen=True)
class Difference:
    """One path at which two trees are not the same; None where a tree has nothing there."""

    path: str
    wanted: Entry | None
    found: Entry | None

    def __str__(self) -> str:
        """Say in one line what differs."""
        if self.wanted is None:
            return f"/{self.path} should not be there"
        if self.found is None:
            return f"/{self.path} is missing"
        names = [
            name
            for name in Entry.__dataclass_fields__
            if getattr(self.wanted, name) != getattr(self.found, name)
        ]
        return f"/{self.path} differs in {', '.join(names)}"


def stack(layers: Iterable[Tree]) -> dict[str, Entry]:
    """Return what a runtime shows when these layers lie on each other, the lowest first.

    A path of an upper layer hides what was there; a removal, or a non-directory in place of a
    directory, takes everything below that path along (OCI image specification, "Layers").
    """
    result: dict[str, Entry] = {}
    for layer in layers:
        hidden = {
            path
            for path, entry in layer.items()
            if path in result and not entry.kind is result[path].kind is Kind.DIRECTORY
        }
        result = still_seen(result, hidden)
        result.update(
            (path, entry) for path, entry in layer.items() if entry.kind is not Kind.REMOVED
        )
    return dict(sorted(result.items()))


def still_seen(lower: Tree, hidden: Iterable[str]) -> dict[str, Entry]:
    """Return what is left of a tree where these paths, and all below them, are hidden.

    A further name of a hidden file keeps the content: the first such name becomes the file.
    """
    gone = {path for path in hidden if path in lower}
    if not gone:
        return dict(lower)
    folders = {path for path in gone if lower[path].kind is Kind.DIRECTORY}
    left = {
        path: entry
        for path, entry in lower.items()
        if path not in gone and (not folders or folders.isdisjoint(parents(path)))
    }
    heirs: dict[str, str] = {}
    for path, entry in left.items():
        if entry.kind is Kind.HARDLINK and entry.target not in left:
            left[path] = _orphan(entry, lower, heirs)
    return left


def _orphan(name: Entry, lower: Tree, heirs: dict[str, str]) -> Entry:
    """Return a name whose file is gone: the first becomes the file, the others name that one."""
    first = heirs.setdefault(name.target, name.path)
    if first != name.path:
        return replace(name, target=first)
    return replace(lower[name.target], path=name.path)


def differences(wanted: Tree, found: Tree) -> Iterator[Difference]:
    """Yield every path at which `found` is not what is `wanted`, in order of path."""
    for path in sorted(wanted.keys() | found.keys()):
        if wanted.get(path) != found.get(path):
            yield Difference(path, wanted.get(path), found.get(path))


def changes(lower: Tree, wanted: Tree) -> dict[str, Entry]:
    """Return the layer that turns `lower` into `wanted`: new and changed entries, and removals.

    Only the topmost path of a removed subtree is named. Hardlinks travel together: where one
    path of a group is new or changed, the whole group is, since no hardlink crosses layers.
    """
    changed = {path: entry for path, entry in wanted.items() if lower.get(path) != entry}
    for group in _hardlink_groups(wanted):
        if any(path in changed for path in group):
            changed.update((path, wanted[path]) for path in group)
    gone = [path for path in lower if path not in wanted]
    for path in gone:
        directory = path.rpartition("/")[0]
        above = wanted.get(directory)
        # A parent that is gone, or is no directory any more, already takes this path along.
        if not directory or (above is not None and above.kind is Kind.DIRECTORY):
            changed[path] = Entry(path, Kind.REMOVED)
    return dict(sorted(changed.items()))


def _hardlink_groups(tree: Tree) -> Iterable[list[str]]:
    groups: dict[str, list[str]] = {}
    for path, entry in tree.items():
        if entry.kind is Kind.HARDLINK:
            groups.setdefault(entry.target, [entry.target]).append(path)
    return groups.values()
