"""Keeps layers in the store: each written once, read back, and compared with what was meant."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import BinaryIO

from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Group
from herdbook.builds.keys import key, packages_key
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.core.given_secrets import GivenSecrets
from herdbook.images.documents import LayerReference
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.layers.indexing import identity
from herdbook.layers.owned import owned_by
from herdbook.layers.reading import read_tree
from herdbook.layers.stacking import differences, stack
from herdbook.layers.tree import Entry, Kind, Tree
from herdbook.layers.writing import Contents, tar_pieces


def keep(workshop: Workshop, title: str, tree: Tree, contents: Contents) -> LayerReference:
    """Return the layer that holds a tree, written if it is not there yet.

    A layer is a function of its tree, so the same tree is never written twice. Raises
    VerificationError where the bytes read back are not what was meant, or hold a given secret.
    """
    work = key("layer", identity(tree))
    if known := workshop.cache.recall(work):
        _search(workshop, title, known[0].digest)
        return LayerReference(title, known[0].digest, known[0].size)
    digest, size = workshop.layers.write(_guarded(workshop.secrets, title, tree, contents))
    with workshop.layers.path(digest).open("rb") as stream:
        require_equal(tree, read_tree(stream), f"The layer {title!r}")
    workshop.layers.set_tree(digest, tree)
    reference = LayerReference(title, digest, size)
    workshop.cache.remember(work, [reference])
    return reference


def _search(workshop: Workshop, title: str, digest: Digest) -> None:
    """Search a layer that is here already for secrets that are given only now."""
    if workshop.secrets.files:
        with workshop.layers.path(digest).open("rb") as stream:
            pieces = iter(lambda: stream.read(digests.PIECE_BYTES), b"")
            for _ in workshop.secrets.guarded(pieces, lambda: f"the layer {title!r}"):
                pass


def _guarded(secrets: GivenSecrets, title: str, tree: Tree, contents: Contents) -> Iterator[bytes]:
    opened = ""

    def noted(entry: Entry) -> BinaryIO:
        nonlocal opened
        opened = entry.path
        return contents(entry)

    pieces = tar_pieces(tree.values(), noted)
    return secrets.guarded(pieces, lambda: f"/{opened} in the layer {title!r}")


def keep_packages(workshop: Workshop, group: Group, over: Event) -> LayerReference:
    """Return the layer of a group of packages, made from their .deb files alone.

    Gives up soon after `over` is set.
    """

    def pause() -> None:
        if over.is_set():
            raise CancelledError

    def contents(entry: Entry) -> BinaryIO:
        pause()
        return owned.open(entry)

    work = packages_key(group.packages)
    with workshop.turns.turn(work):
        if known := workshop.cache.recall(work):
            return LayerReference(group.name, known[0].digest, known[0].size)
        with workshop.staging() as spools:
            debs = [workshop.archive.kept(package) for package in group.packages]
            owned = owned_by(debs, spools, pause)
            # Packages are public: a short secret may well occur in them.
            public = replace(workshop, secrets=GivenSecrets())
            reference = keep(public, group.name, owned.tree, contents)
        workshop.cache.remember(work, [reference])
    return reference


def keep_in_memory(
    workshop: Workshop, title: str, tree: Tree, files: dict[str, bytes]
) -> LayerReference:
    """Return a layer of a few small files."""
    return keep(workshop, title, tree, lambda entry: BytesIO(files[entry.path]))


def stacked(workshop: Workshop, layers: Iterable[LayerReference]) -> dict[str, Entry]:
    """Return the tree that layers stack up to."""
    return stack(workshop.layers.tree(layer.digest) for layer in layers)


def require_equal(wanted: Tree, found: Tree, what: str) -> None:
    """Raise VerificationError, naming the first paths, where two trees are not the same."""
    wrong = [str(difference) for difference in differences(wanted, found)]
    if wrong:
        raise VerificationError(
            f"{what} is not what was built ({len(wrong)} paths):\n" + "\n".join(wrong[:10]),
            hint="Nothing was kept. If a source changed meanwhile, build again; else this is a "
            "fault in Herdbook: please report it.",
        )


def kept_layers(workshop: Workshop, layers: Iterable[LayerReference]) -> list[KeptLayer]:
    """Return layers with their trees and files."""
    return [
        KeptLayer(workshop.layers.path(layer.digest), workshop.layers.tree(layer.digest))
        for layer in layers
    ]


def content_of(workshop: Workshop, layers: Sequence[LayerReference], path: str) -> bytes:
    """Return the content of a file of an image; raises NotFoundError."""
    return content_in(kept_layers(workshop, layers), path)


def opener(folders: Sequence[Path]) -> Callable[[Entry], BinaryIO]:
    """Return what opens an entry's content in folders stacked on each other, the lowest first."""

    def open_topmost(entry: Entry) -> BinaryIO:
        for folder in reversed(folders):
            path = folder / entry.path
            if path.is_file() and not path.is_symlink():
                return path.open("rb")
        raise VerificationError(f"/{entry.path} disappeared during the build")

    return open_topmost


def file_entry(path: str, content: bytes, mode: int, mtime: int) -> Entry:
    """Return the entry of a small file that belongs to root."""
    return Entry(
        path,
        Kind.FILE,
        mode=mode,
        mtime=mtime,
        size=len(content),
        digest=digests.of_bytes(content),
    )
