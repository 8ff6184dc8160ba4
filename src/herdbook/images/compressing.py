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
_ZSTD_LEVEL_SMALL = 19
_SMALL_BYTES = 8 << 20
"""What is updated often has a small layer of its own, which every machine then has to pull: it is
worth 0.3 seconds a MiB, once, to come near the packages' own xz. Large ones are not."""

_GZIP_FORMAT = 16 + zlib.MAX_WBITS


@dataclass(frozen=True)
class Compressor:
    """All that decides which bytes compressing gives; `library` is name and version."""

    compression: str
    level: int
    library: str


def compressor_for(compression: str, size_bytes: int) -> Compressor:
    """Return what compresses a layer of a size here and now.

    Raises InvalidInputError as `media_type`.
    """
    media_type(compression)
    if compression == "gzip":
        return Compressor(compression, _GZIP_LEVEL, f"zlib {zlib.ZLIB_RUNTIME_VERSION}")
    if compression == "zstd":
        version = ".".join(map(str, zstandard.ZSTD_VERSION))
        level = _ZSTD_LEVEL_SMALL if size_bytes <= _SMALL_BYTES else _ZSTD_LEVEL
        return Compressor(compression, level, f"zstd {version}")
    return Compressor(compression, 0, "")


def media_type(compression: str) -> str:
    """Return a layer's media type; raises InvalidInputError for an unknown compression."""
    if compression not in MEDIA_TYPES:
        raise InvalidInputError(
            f"{compression!r} is not a compression",
            hint=did_you_mean(compression, MEDIA_TYPES, f"There are: {', '.join(MEDIA_TYPES)}."),
        )
    return MEDIA_TYPES[compression]


def compressed(pieces: Iterable[bytes], compressor: Compressor) -> Iterator[bytes]:
    """Yield a stream compressed; a gzip header of zlib's carries no time and no name.

    One thread does it, however many cores there are: zstd's own threads change the bytes.
    """
    if compressor.compression == "none":
        yield from pieces
        return
    if compressor.compression == "gzip":
        deflating = zlib.compressobj(compressor.level, zlib.DEFLATED, _GZIP_FORMAT)
        yield from (deflating.compress(piece) for piece in pieces)
        yield deflating.flush()
        return
    zstd = zstandard.ZstdCompressor(level=compressor.level).compressobj()
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
