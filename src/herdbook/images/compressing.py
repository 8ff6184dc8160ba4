"""Compresses layers for transport: the same bytes in, the same bytes out."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

import zstandard

from herdbook.core.digests import PIECE_BYTES
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.core.nearest import did_you_mean
from herdbook.images.documents import LAYER

MEDIA_TYPES = {"none": LAYER, "gzip": f"{LAYER}+gzip", "zstd": f"{LAYER}+zstd"}
"""The media type of a layer by its compression (OCI image specification, "Layer media types")."""

_GZIP_LEVEL = 6
_ZSTD_LEVEL = 9
"""The least at which layers of every size come to at most 1.2 times their packages' own xz."""

_GZIP_FORMAT = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Compressor:
    """All that decides which bytes compressing gives; `library` is name and version."""

    compression: str
    level: int
    library: str


def compressor_named(compression: str) -> Compressor:
    """Return what compresses like this here and now; raises InvalidInputError as `media_type`."""
    media_type(compression)
    if compression == "gzip":
        return Compressor(compression, _GZIP_LEVEL, f"zlib {zlib.ZLIB_RUNTIME_VERSION}")
    if compression == "zstd":
        version = ".".join(map(str, zstandard.ZSTD_VERSION))
        return Compressor(compression, _ZSTD_LEVEL, f"zstd {version}")
    return Compressor(compression, 0, "")


def media_type(compression: str) -> str:
    """Return a layer's media type; raises InvalidInputError for an unknown compression."""
    if compression not in MEDIA_TYPES:
        raise InvalidInputError(
            f"{compression!r} is not a compression",
            hint=did_you_mean(compression, MEDIA_TYPES, f"There are: {', '.join(MEDIA_TYPES)}."),
        )
    return MEDIA_TYPES[compression]


def compressed(pieces: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Yield a stream compressed; a gzip header of zlib's carries no time and no name.

    One thread does it, however many cores there are: zstd's own threads change the bytes.
    """
    if compression == "none":
        yield from pieces
        return
    if compression == "gzip":
        deflating = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        yield from (deflating.compress(piece) for piece in pieces)
        yield deflating.flush()
        return
    zstd = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    yield from (zstd.compress(piece) for piece in pieces)
    yield zstd.flush()


def decompressed(stream: BinaryIO, compression: str) -> Iterator[bytes]:
    """Yield in pieces what was compressed; raises VerificationError where it is damaged."""
    reader: BinaryIO = stream
    if compression == "gzip":
        reader = cast("BinaryIO", gzip.GzipFile(fileobj=stream))
    elif compression == "zstd":
        reader = cast("BinaryIO", zstandard.ZstdDecompressor().stream_reader(stream))
    try:
        yield from iter(lambda: reader.read(PIECE_BYTES), b"")
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise VerificationError(f"A compressed layer is damaged: {error}") from error
