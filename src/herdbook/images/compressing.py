"""Compresses layers for transport: the same bytes in, the same bytes out."""

import zlib
from collections.abc import Iterable, Iterator

import zstandard

from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.images.documents import LAYER

MEDIA_TYPES = {"none": LAYER, "gzip": f"{LAYER}+gzip", "zstd": f"{LAYER}+zstd"}
"""The media type of a layer by its compression (OCI image specification, "Layer media types")."""

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


def media_type(compression: str) -> str:
    """Return a layer's media type; raises InvalidInputError for an unknown compression."""
    if compression not in MEDIA_TYPES:
        raise InvalidInputError(
            f"{compression!r} is not a compression",
            hint=did_you_mean(compression, MEDIA_TYPES, f"There are: {', '.join(MEDIA_TYPES)}."),
        )
    return MEDIA_TYPES[compression]


def compressed(pieces: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Yield a stream compressed; a gzip header of zlib's carries no time and no name."""
    if compression == "none":
        yield from pieces
        return
    if compression == "gzip":
        gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        yield from (gzip.compress(piece) for piece in pieces)
        yield gzip.flush()
        return
    zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    yield from (zstd.compress(piece) for piece in pieces)
    yield zstd.flush()
