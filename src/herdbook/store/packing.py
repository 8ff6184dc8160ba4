"""Packs texts and documents for the database: there they are many, and much alike."""

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache

import zstandard

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import Document, LayerReference

_LEVEL = 6
_QUICK_LEVEL = 3
"""Against a dictionary, or in what is little else than digests, a higher one finds nothing more."""


def pack(text: str) -> bytes:
    """Return a text in few bytes."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(text.encode())


def unpack(content: bytes) -> str:
    """Return what was packed."""
    return zstandard.ZstdDecompressor().decompress(content).decode()


def pack_bytes(content: bytes) -> bytes:
    """Return bytes in fewer; there are very many of them, so it is done quickly."""
    return zstandard.ZstdCompressor(level=_QUICK_LEVEL).compress(content)


def unpack_bytes(content: bytes) -> bytes:
    """Return what was packed; raises ValueError where it is damaged."""
    try:
        return zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def pack_documents(documents: Iterable[Document]) -> bytes:
    """Return the documents of one version together: most of each stands in the others too."""
    return pack(_as_text(documents))


def unpack_documents(content: bytes, dictionary: bytes | None = None) -> Iterator[Document]:
    """Yield the documents that were packed together; none of what is damaged.

    `dictionary` is what they were packed against, if anything.
    """
    try:
        found = json.loads(_unpack_against(dictionary, content) if dictionary else unpack(content))
    except (zstandard.ZstdError, ValueError):
        return
    for media_type, text in found:
        yield Document(media_type, text.encode())


class DocumentPacker:
    """Packs the documents of many versions that are much alike against those of one of them."""

    def __init__(self, example: Iterable[Document]) -> None:
        text = _as_text(example)
        self.dictionary = pack(text)
        self._compressor = zstandard.ZstdCompressor(
            level=_QUICK_LEVEL, dict_data=_dictionary(text.encode())
        )

    def pack(self, documents: Iterable[Document]) -> bytes:
        """Return the documents of one version together."""
        return self._compressor.compress(_as_text(documents).encode())


def _unpack_against(dictionary: bytes, content: bytes) -> str:
    return _decompressor(dictionary).decompress(content).decode()


@lru_cache(maxsize=64)
def _decompressor(dictionary: bytes) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_dictionary(unpack(dictionary).encode()))


def _dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _as_text(documents: Iterable[Document]) -> str:
    return json.dumps([[each.media_type, each.content.decode()] for each in documents])


def stack_key(layers: Iterable[LayerReference]) -> Digest:
    """Name a list of layers by all that is kept of it."""
    return digests.of_json([[layer.digest, layer.title, layer.inputs] for layer in layers])
