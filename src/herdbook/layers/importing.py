"""Turns layers of other programs into ours: same view for a runtime, canonical bytes, no tricks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from herdbook.core.errors import VerificationError
from herdbook.layers.contents import KeptLayer
from herdbook.layers.factoring import with_parents
from herdbook.layers.foreign import ForeignLayer, Node, read_foreign
from herdbook.layers.owned import Content, OwnedFiles, hardlink_to
from herdbook.layers.stacking import changes, still_seen
from herdbook.layers.tree import Entry, Kind, Tree, parents, tree_of


@dataclass(frozen=True)
class Imported:
    """A layer of ours, what is seen with it on top of what lies below, and what was left out."""

    layer: OwnedFiles
    view: dict[str, Entry]
    notes: tuple[str, ...] = ()


def import_layer(spool: Path, view: Tree, below: Sequence[KeptLayer], scratch: Path) -> Imported:
    """Return the layer that does on top of `below` what the plain tar `spool` does there.

    `view` is what `below` shows. What the tar repeats unchanged is left out, folders hidden as a
    whole become single removals, and no link leads to another layer. Contents stay in `spool`,
    `below` and the folder `scratch`. Raises VerificationError as `read_foreign` does, and where a
    link leads to no file.
    """
    foreign = read_foreign(spool, scratch)
    links = {
        path: foreign.nodes.pop(path).entry.target
        for path, node in list(foreign.nodes.items())
        if node.entry.kind is Kind.HARDLINK
    }
    own = _entries(foreign.nodes)
    names = own.keys() | links.keys()
    above = {each for path in names for each in parents(path)} - names
    hidden = _hidden(foreign, view, own)
    # What stands where a folder is needed gives way to it, as everywhere in a changeset.
    hidden |= {path for path in above if path in view and view[path].kind is not Kind.DIRECTORY}
    lower = still_seen(view, hidden | links.keys())
    folders = [Entry(path, Kind.DIRECTORY, mode=0o755) for path in above - lower.keys()]
    seen = tree_of([*lower.values(), *folders, *own.values(), *_shared(links, view, lower)])
    tree = with_parents(changes(view, seen).values(), seen)
    contents = _contents(tree, foreign.nodes.values(), below)
    return Imported(OwnedFiles(tree, contents), seen, tuple(foreign.notes))


def _entries(nodes: dict[str, Node]) -> dict[str, Entry]:
    """Return the nodes as a tree: the first name of each file is the file, others are links."""
    first_names: dict[int, Entry] = {}
    entries = []
    for path, node in sorted(nodes.items()):
        entry = replace(node.entry, path=path)
        first = first_names.setdefault(id(node), entry)
        if first is not entry and entry.kind is Kind.FILE:
            entry = hardlink_to(first, path, first.path)
        entries.append(entry)
    return tree_of(entries)


def _hidden(foreign: ForeignLayer, view: Tree, own: Tree) -> set[str]:
    """Return the paths of which nothing is seen from below."""
    hidden = foreign.removed & view.keys()
    if "" in foreign.opaque:
        return set(view)
    if foreign.opaque:
        hidden |= {path for path in view if not foreign.opaque.isdisjoint(parents(path))}
    both = view.keys() & own.keys()
    return hidden | {path for path in both if not _both_folders(view[path], own[path])}


def _both_folders(one: Entry, other: Entry) -> bool:
    return one.kind is other.kind is Kind.DIRECTORY


def _shared(links: dict[str, str], view: Tree, lower: Tree) -> Iterable[Entry]:
    """Yield the files of lower layers that get further names here, under all their names."""
    added: dict[str, list[str]] = defaultdict(list)
    for path, target in links.items():
        there = view.get(target)
        if there is None or there.kind not in (Kind.FILE, Kind.HARDLINK):
            raise VerificationError(f"A layer links /{path} to /{target}, which is no file")
        added[there.target or target].append(path)
    for original, new in added.items():
        old = [path for path in _names(view, original) if path in lower]
        first, *others = sorted({*old, *new})
        file = replace(view[original], path=first)
        yield file
        yield from (hardlink_to(file, path, first) for path in others)


def _names(view: Tree, original: str) -> list[str]:
    links = (path for path, entry in view.items() if entry.kind is Kind.HARDLINK)
    return [original, *(path for path in links if view[path].target == original)]


def _contents(tree: Tree, nodes: Iterable[Node], below: Sequence[KeptLayer]) -> dict[str, Content]:
    """Return where the content of each file is: in the tar itself, or in a layer below."""
    files = {path: entry.digest for path, entry in tree.items() if entry.kind is Kind.FILE}
    places = {node.entry.digest: node.content for node in nodes if node.content}
    if not places.keys() >= set(files.values()):
        for layer in below:
            for path, offset in layer.offsets.items():
                places[layer.tree[path].digest] = Content(spool=layer.path, offset=offset)
    return {path: places[digest] for path, digest in files.items()}
