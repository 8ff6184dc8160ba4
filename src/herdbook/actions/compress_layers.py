"""Compresses layers for transport, each once: what was made is kept and given out again."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Event
from typing import BinaryIO

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.ports import CompressedLayer
from herdbook.core.digests import PIECE_BYTES, Digest
from herdbook.core.progress import Task
from herdbook.images.compressing import compressed, compressor_for, media_type
from herdbook.images.documents import LayerReference


def compress_layers(
    workshop: Workshop, layers: Sequence[LayerReference], compression: str
) -> list[LayerReference]:
    """Return layers as they travel, in the same order; their blobs are in the store by digest.

    With the compression `none` they travel as they are. The caller holds a lease. Raises
    InvalidInputError for an unknown compression.
    """
    kind = media_type(compression)
    if compression == "none":
        return list(layers)
    sizes = {layer.digest: layer.size for layer in layers}
    # The largest first, so that no core is left alone with it at the end.
    order = sorted(sizes, key=lambda digest: -sizes[digest])
    title = f"Compressing {len(order)} layers"
    with workshop.progress.task(title, sum(sizes.values()), "bytes") as task:
        work = _Compressing(workshop, compression, task)
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            made = dict(zip(order, pool.map(work.layer, order), strict=True))
        finally:
            work.over.set()
            pool.shutdown(cancel_futures=True)
    return [
        replace(
            layer, digest=made[layer.digest].digest, size=made[layer.digest].size, media_type=kind
        )
        for layer in layers
    ]


@dataclass(frozen=True)
class _Compressing:
    """Layers of one image on their way; soon after `over` is set, those under way are given up."""

    workshop: Workshop
    compression: str
    task: Task
    over: Event = field(default_factory=Event)

    def layer(self, layer: Digest) -> CompressedLayer:
        """Return what a layer was compressed to, now or before."""
        path = self.workshop.layers.path(layer)
        plain_bytes = path.stat().st_size
        compressor = compressor_for(self.compression, plain_bytes)
        if known := self.workshop.cache.compressed(layer, compressor):
            self.task.advance(plain_bytes)
            return known
        with path.open("rb") as source:
            digest, size = self.workshop.layers.write(compressed(self._pieces(source), compressor))
        made = CompressedLayer(layer, compressor, digest, size)
        self.workshop.cache.remember_compressed(made)
        return made

    def _pieces(self, source: BinaryIO) -> Iterator[bytes]:
        while piece := source.read(PIECE_BYTES):
            if self.over.is_set():
                raise CancelledError
            self.task.advance(len(piece))
            yield piece
