"""Splits what configuration made of a root by what it is: bytecode, config, database."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from herdbook.layers.stacking import changes
from herdbook.layers.tree import Entry, Kind, Tree, parents, tree_of

_DATABASE_PREFIXES = ("var/lib/dpkg/", "var/lib/apt/")
"""What changes with every package. Debconf's answers do not: they are configuration."""


@dataclass(frozen=True)
class Factored:
    """The layers above the packages' own, the lowest first; `root` is what they stack up to."""

    root: dict[str, Entry]
    bytecode: dict[str, Entry]
    config: dict[str, Entry]
    database: dict[str, Entry]


def factor(scanned: Tree, packages: Tree, mtime: int) -> Factored:
    """Split a scanned root over the stacked tree of its package layers."""
    root = canonical(scanned, packages, mtime)
    residual = changes(packages, root)
    parts: dict[str, list[Entry]] = {"bytecode": [], "config": [], "database": []}
    for entry in residual.values():
        parts[_part(entry)].append(entry)
    return Factored(root, **{name: with_parents(part, root) for name, part in parts.items()})


def canonical(scanned: Tree, lower: Tree, mtime: int) -> dict[str, Entry]:
    """Return a scanned tree with times that say nothing about the moment of the build.

    What has the content that the lower layers give it keeps their time, as it does where a script
    changes an owner or a mode; whatever is new or has other content gets `mtime`.
    """
    return {path: _timed(entry, lower.get(path), mtime) for path, entry in scanned.items()}


def _timed(entry: Entry, below: Entry | None, mtime: int) -> Entry:
    if entry.kind is Kind.DIRECTORY:
        return entry
    if below is not None and _content(entry) == _content(below):
        return replace(entry, mtime=below.mtime)
    return replace(entry, mtime=mtime)


def _content(entry: Entry) -> tuple[Kind, str, str | None]:
    return entry.kind, entry.target, entry.digest


def with_parents(entries: Iterable[Entry], root: Tree) -> dict[str, Entry]:
    """Add the directories above each entry as the root has them, so a layer stands by itself."""
    entries = list(entries)
    above = {path for entry in entries for path in parents(entry.path)}
    return tree_of([*(root[path] for path in above if path in root), *entries])


def with_new_folders(entries: Iterable[Entry], root: Tree) -> dict[str, Entry]:
    """Return the root with every folder above these entries that it lacks, as root's own."""
    missing = {above for entry in entries for above in parents(entry.path)} - root.keys()
    return {**root, **{path: Entry(path, Kind.DIRECTORY, mode=0o755) for path in missing}}


def _part(entry: Entry) -> str:
    if entry.path.endswith(".pyc") or entry.path.rpartition("/")[2] == "__pycache__":
        return "bytecode"
    return "database" if entry.path.startswith(_DATABASE_PREFIXES) else "config"
