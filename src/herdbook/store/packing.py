"""Packs texts and documents for the database: there they are many, and much alike."""

import json
from collections.abc import Iterable, Iterator

import zstandard

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import Document, LayerReference

_LEVEL = 6


def pack(text: str) -> bytes:
    """Return a text in few bytes."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(text.encode())


def unpack(content: bytes) -> str:
    """Return what was packed."""
    return zstandard.ZstdDecompressor().decompress(content).decode()


def pack_documents(documents: Iterable[Document]) -> bytes:
    """Return the documents of one version together: most of each stands in the others too."""
    return pack(json.dumps([[each.media_type, each.content.decode()] for each in documents]))


def unpack_documents(content: bytes) -> Iterator[Document]:
    """Yield the documents that were packed together; none of what is damaged."""
    try:
        found = json.loads(unpack(content))
    except (zstandard.ZstdError, ValueError):
        return
    for media_type, text in found:
        yield Document(media_type, text.encode())


def stack_key(layers: Iterable[LayerReference]) -> Digest:
    """Name a list of layers by all that is kept of it."""
    return digests.of_json([[layer.digest, layer.title, layer.inputs] for layer in layers])
