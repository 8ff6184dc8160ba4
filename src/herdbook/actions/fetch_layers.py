"""Fetches layers from a registry into the store, each proven to be the layer it stands for."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.deliver import side_by_side
from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.core.progress import Task
from herdbook.images.compressing import decompressed
from herdbook.images.documents import LayerReference
from herdbook.images.references import RegistryName
from herdbook.images.travelling import compression_of
from herdbook.layers.contents import KeptLayer
from herdbook.layers.reading import read_members
from herdbook.layers.tree import Kind, Tree, tree_of

_LARGEST_OVERHEAD_BYTES = 64 << 10
_LOOK_AGAIN = "Nothing of it was kept. Do not use that registry, or have the version pushed again."


@dataclass(frozen=True)
class Travelling:
    """A layer, and the blob that it travels as."""

    layer: LayerReference
    blob: LayerReference


def fetch_layers(
    workshop: Workshop, name: RegistryName, layers: Sequence[Travelling]
) -> tuple[int, int]:
    """See to it that layers are in the store; return how many bytes came, and were there.

    What has arrived of a layer stays in the transfers folder until it is in the store. Raises
    VerificationError for a layer that is not what its digest says, or not written as layers are:
    of that, nothing stays.
    """
    wanted = {each.layer.digest: each for each in layers}
    missing = [each for each in wanted.values() if not workshop.layers.has(each.layer.digest)]
    for each in missing:
        _require_possible(each)
    coming = sum(each.blob.size for each in missing)
    there = sum(each.blob.size for each in wanted.values()) - coming
    if missing:
        workshop.transfers.mkdir(parents=True, exist_ok=True)
        title = f"Pulling {len(missing)} layers from {name.host}"
        with workshop.progress.task(title, coming, "bytes") as task:
            fetching = _Fetching(workshop, name)
            side_by_side(fetching.layer, sorted(missing, key=lambda each: -each.blob.size), task)
    return coming, there


@dataclass(frozen=True)
class _Fetching:
    workshop: Workshop
    name: RegistryName

    def layer(self, wanted: Travelling, task: Task) -> None:
        """Fetch one layer, unpack it and keep it, with its tree."""
        arrived = self.workshop.transfers / digests.hexadecimal(wanted.blob.digest)
        try:
            self._keep(wanted, arrived, task)
        except VerificationError:
            arrived.unlink(missing_ok=True)
            raise
        arrived.unlink(missing_ok=True)

    def _keep(self, wanted: Travelling, arrived: Path, task: Task) -> None:
        compression = compression_of(wanted.blob)
        self.workshop.registry.pull_blob(
            self.name, wanted.blob.digest, wanted.blob.size, arrived, task
        )
        with arrived.open("rb") as packed:
            plain = _exactly(decompressed(packed, compression), wanted.layer)
            digest, _ = self.workshop.layers.write(_telling(plain, task))
        path = self.workshop.layers.path(digest)
        self.workshop.layers.set_tree(digest, _canonical_tree(path, wanted.layer))


def _require_possible(wanted: Travelling) -> None:
    """Refuse a blob that no compression of its layer can be, before any of it comes."""
    size = wanted.layer.size
    if wanted.blob.size > size + size // 100 + _LARGEST_OVERHEAD_BYTES:
        raise VerificationError(
            f"The layer {wanted.layer.digest} is to come as a blob larger than it can be",
            hint=_LOOK_AGAIN,
        )


def _telling(pieces: Iterator[bytes], task: Task) -> Iterator[bytes]:
    for piece in pieces:
        task.advance(0)  # ends here where all is over
        yield piece


def _exactly(pieces: Iterator[bytes], layer: LayerReference) -> Iterator[bytes]:
    """Yield a layer's bytes; raise before the last is written where they are others."""
    state, size = hashlib.sha256(), 0
    for piece in pieces:
        state.update(piece)
        size += len(piece)
        if size > layer.size:  # a small blob may unpack to endlessly many bytes
            raise _other(layer.digest)
        yield piece
    if f"sha256:{state.hexdigest()}" != layer.digest:
        raise _other(layer.digest)


def _canonical_tree(path: Path, layer: LayerReference) -> Tree:
    """Return what a layer holds; raise where contents are not where its tree says they are."""
    with path.open("rb") as stream:
        entries, places = [], {}
        for entry, member in read_members(stream):
            entries.append(entry)
            if entry.kind is Kind.FILE:
                places[entry.path] = member.offset_data
    tree = tree_of(entries)
    if len(tree) != len(entries) or KeptLayer(path, tree).offsets != places:
        raise VerificationError(
            f"The layer {layer.digest} is not written as Herdbook writes layers", hint=_LOOK_AGAIN
        )
    return tree


def _other(digest: Digest) -> VerificationError:
    return VerificationError(f"Other bytes came than those of the layer {digest}", hint=_LOOK_AGAIN)
