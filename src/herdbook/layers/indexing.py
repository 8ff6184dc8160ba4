"""Keeps the tree of a layer beside its bytes, so that it need not be read again to be known."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import zstandard

from herdbook.core.digests import Digest
from herdbook.layers.tree import Entry, Kind, Tree

_LEVEL = 3


def identity(tree: Tree) -> list[list[object]]:
    """Return a tree as plain data, equal for equal trees."""
    return [list(_row(entry)) for entry in tree.values()]


def render_index(tree: Tree) -> bytes:
    """Render a tree compactly: JSON, a list an entry, compressed."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(json.dumps(identity(tree)).encode())


def parse_index(index: bytes) -> dict[str, Entry]:
    """Return the tree that was rendered."""
    rows = json.loads(zstandard.ZstdDecompressor().decompress(index))
    return {entry.path: entry for entry in _entries(rows)}


def _row(entry: Entry) -> Iterator[object]:
    yield from (entry.path, entry.kind.value, entry.mode, entry.uid, entry.gid, entry.mtime)
    yield from (entry.size, entry.digest, entry.target)
    yield [[name, value.hex()] for name, value in entry.xattrs]


def _entries(rows: Iterable[list[Any]]) -> Iterator[Entry]:
    kinds = {kind.value: kind for kind in Kind}
    for row in rows:
        path, kind, mode, uid, gid, mtime, size, digest, target, xattrs = row
        yield Entry(
            path,
            kinds[kind],
            mode,
            uid,
            gid,
            mtime,
            size,
            Digest(digest) if digest else None,
            target,
            tuple((name, bytes.fromhex(value)) for name, value in xattrs),
        )
