"""Reads blobs side by side and tells which are damaged, or are not what their trees say."""

import hashlib
import os
from collections.abc import Collection, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event
from typing import BinaryIO, cast

from herdbook.catalogue.stock import Stock
from herdbook.core.digests import PIECE_BYTES, Digest
from herdbook.core.errors import VerificationError
from herdbook.core.progress import Progress, Task
from herdbook.layers.reading import read_tree


class Fault(StrEnum):
    """What can be wrong with something that is kept."""

    DAMAGED_LAYER = "damaged layer"
    DAMAGED_COMPRESSED = "damaged compressed layer"
    MISSING_LAYER = "missing layer"
    WRONG_TREE = "wrong tree"
    MISSING_TREE = "missing tree"
    MISSING_DOCUMENT = "missing document"
    LEFTOVER = "leftover file"


def faulty_blobs(
    stock: Stock,
    blobs: Sequence[tuple[Digest, int]],
    compressed: Collection[Digest],
    show: Progress,
) -> list[tuple[Fault, Digest]]:
    """Return what is wrong with blobs, given with their sizes; one removed meanwhile is no fault.

    Those that are `compressed` have no tree.
    """
    largest_first = sorted(blobs, key=lambda blob: -blob[1])
    with show.task("Reading layers", sum(size for _, size in blobs), "bytes") as task:
        reading = _Reading(stock, compressed, task)
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            found = pool.map(reading.fault, [digest for digest, _ in largest_first])
            return [(fault, digest) for fault, digest in found if fault is not None]
        finally:
            reading.over.set()
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Reading:
    """Blobs being read; soon after `over` is set, those under way are given up."""

    stock: Stock
    compressed: Collection[Digest]
    task: Task
    over: Event = field(default_factory=Event)

    def fault(self, digest: Digest) -> tuple[Fault | None, Digest]:
        """Return what is wrong with a blob, or None."""
        try:
            with self.stock.blob(digest).open("rb") as source:
                stream = _Hashed(source, self.task, self.over)
                return self._fault(digest, stream), digest
        except FileNotFoundError:
            return None, digest

    def _fault(self, digest: Digest, stream: "_Hashed") -> Fault | None:
        if digest in self.compressed:
            return None if stream.digest() == digest else Fault.DAMAGED_COMPRESSED
        try:
            held = read_tree(cast("BinaryIO", stream))
        except VerificationError:  # a damaged tar, or nothing that was ever used as a layer
            held = None
        if stream.digest() != digest:
            return Fault.DAMAGED_LAYER
        try:
            tree = self.stock.tree(digest)
        except VerificationError:
            return Fault.WRONG_TREE
        return None if tree in (None, held) else Fault.WRONG_TREE


class _Hashed:
    """A stream that is hashed as it is read."""

    def __init__(self, source: BinaryIO, task: Task, over: Event) -> None:
        self._source = source
        self._task = task
        self._over = over
        self._state = hashlib.sha256()
        self._untold_bytes = 0

    def read(self, size: int) -> bytes:
        if self._over.is_set():
            raise CancelledError
        piece = self._source.read(size)
        self._state.update(piece)
        self._untold_bytes += len(piece)
        if self._untold_bytes >= PIECE_BYTES or not piece:
            self._task.advance(self._untold_bytes)
            self._untold_bytes = 0
        return piece

    def digest(self) -> Digest:
        """Read what is left and return the digest of all."""
        while self.read(PIECE_BYTES):
            pass
        return Digest("sha256:" + self._state.hexdigest())
