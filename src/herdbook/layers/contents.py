"""Finds contents inside kept layers, and merges layers into one tar, without unpacking any.

A canonical tar is a function of its tree, so where a content lies follows from the tree alone.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from herdbook.core.digests import PIECE_BYTES
from herdbook.core.errors import NotFoundError
from herdbook.layers.stacking import stack
from herdbook.layers.tree import Entry, Kind, Tree, parents
from herdbook.layers.writing import BLOCK_BYTES, header


@dataclass(frozen=True)
class KeptLayer:
    """A canonical tar and the tree it was written from."""

    path: Path
    tree: Tree

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where the content of each file begins."""
        found, position = {}, 0
        for path, entry in self.tree.items():
            position += len(header(entry))
            if entry.kind is Kind.FILE:
                found[path] = position
                position += entry.size + -entry.size % BLOCK_BYTES
        return found

    def pieces(self, path: str) -> Iterator[bytes]:
        """Yield the content of a file."""
        position, left = self.offsets[path], self.tree[path].size
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            while left and (piece := os.pread(descriptor, min(left, PIECE_BYTES), position)):
                yield piece
                position += len(piece)
                left -= len(piece)
        finally:
            os.close(descriptor)


def content_in(layers: Sequence[KeptLayer], path: str) -> bytes:
    """Return the content of a file of stacked layers; raises NotFoundError where there is none."""
    for layer in reversed(layers):
        entry = layer.tree.get(path)
        if entry is None:
            if _hides_below(layer.tree, path):
                break
            continue
        if entry.kind is Kind.HARDLINK:
            path = entry.target
        if path in layer.offsets:
            return b"".join(layer.pieces(path))
        break
    raise NotFoundError(f"There is no file /{path} in the image")


def _hides_below(layer: Tree, path: str) -> bool:
    above = (layer.get(each) for each in parents(path))
    return any(entry is not None and entry.kind is not Kind.DIRECTORY for entry in above)


def merged_tar(layers: Sequence[KeptLayer]) -> Iterator[bytes]:
    """Yield one tar of all that stacked layers show, its root directory first."""
    yield header(Entry(".", Kind.DIRECTORY, mode=0o755))
    owners = {path: layer for layer in layers for path in layer.tree}
    for path, entry in stack(layer.tree for layer in layers).items():
        yield header(entry)
        if entry.kind is Kind.FILE:
            layer = owners[path]
            # Where an upper layer hides the file this name shared, the name keeps the content.
            shared = layer.tree[path].kind is Kind.HARDLINK
            yield from layer.pieces(layer.tree[path].target if shared else path)
            yield bytes(-entry.size % BLOCK_BYTES)
    yield bytes(2 * BLOCK_BYTES)
