"""Unpacks compressed feeds, and no more of them than a feed can be."""

import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator

from herdbook.core.errors import InvalidInputError
from herdbook.trust.foreign_json import AGAIN, too_large

_MEBIBYTE = 1 << 20
LARGEST_TEXT = 256 * _MEBIBYTE
"""Bytes of one file, which is read in pieces: by Debian's sources, or line by line."""

LARGEST_ADVISORY = 16 * _MEBIBYTE
"""Bytes of one of several files in an archive."""

_LARGEST_MEMBER = 64 * _MEBIBYTE
_LARGEST_ARCHIVE = 8192 * _MEBIBYTE
_MOST_MEMBERS = 2_000_000
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_CHUNK = _MEBIBYTE
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    NotImplementedError,  # a method of compression Python does not know
    RuntimeError,  # an encrypted member
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    lzma.LZMAError,
)


def is_archive(content: bytes) -> bool:
    """Whether these are the bytes of a .zip file."""
    return content.startswith(_ZIP)


def text_of(content: bytes, where: str, largest_bytes: int = LARGEST_TEXT) -> str:
    """Return the text of a file that may be compressed by gzip.

    Raises InvalidInputError where it is damaged, no UTF-8, or larger than it may be.
    """
    if content.startswith(_GZIP):
        content = _gunzipped(content, where, largest_bytes)
    if len(content) > largest_bytes:
        raise too_large(where)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "This is no text in UTF-8, as all feeds are", hint=AGAIN, where=where
        ) from error


def members_of(content: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each JSON file in a .zip file, in its order.

    Raises InvalidInputError where it is damaged or holds more than any feed does, whatever sizes it
    claims.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [each for each in archive.infolist() if each.filename.endswith(".json")]
            if len(names) > _MOST_MEMBERS:
                raise too_large(where)
            left = _LARGEST_ARCHIVE
            for member in names:
                with archive.open(member) as stream:
                    document = stream.read(min(_LARGEST_MEMBER, left) + 1)
                left -= len(document)
                if len(document) > _LARGEST_MEMBER or left < 0:
                    raise too_large(f"{where}: {member.filename}")
                yield member.filename, document
    except _DAMAGED as error:
        raise _damaged(error, where) from error


def _gunzipped(content: bytes, where: str, largest_bytes: int) -> bytes:
    unpacked = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while chunk := stream.read(_CHUNK):
                unpacked += chunk
                if len(unpacked) > largest_bytes:
                    raise too_large(where)
    except _DAMAGED as error:
        raise _damaged(error, where) from error
    return bytes(unpacked)


def _damaged(error: Exception, where: str) -> InvalidInputError:
    return InvalidInputError(
        f"This compressed file is damaged or incomplete: {error}", hint=AGAIN, where=where
    )
