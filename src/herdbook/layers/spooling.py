"""Unpacks the blob of a layer to disk, whatever it was compressed with."""

import gzip
import zlib
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from herdbook.core.digests import PIECE_BYTES, Digest
from herdbook.core.errors import VerificationError

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
"""What follows the first byte of a frame without content (RFC 8878, 3.1.2)."""


def unpack_blob(blob: Path, spool: Path) -> Digest:
    """Write a layer's plain tar to `spool` and return its digest, in flat memory.

    The bytes say what they were compressed with, as they do to runtimes: media types are often
    wrong. Raises VerificationError where they are damaged.
    """
    digest = sha256()
    with blob.open("rb") as packed, spool.open("wb") as target:
        try:
            stream = _plain(packed)
            while piece := stream.read(PIECE_BYTES):
                digest.update(piece)
                target.write(piece)
        except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
            raise VerificationError(f"A layer is damaged: {error}") from error
    return Digest(f"sha256:{digest.hexdigest()}")


def _plain(packed: BinaryIO) -> BinaryIO:
    start = packed.read(4)
    packed.seek(0)
    if start.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=packed))
    if start == _ZSTD or start[1:] == _ZSTD_SKIPPABLE:
        unpacking = zstandard.ZstdDecompressor()
        return unpacking.stream_reader(packed, read_across_frames=True)
    return packed
