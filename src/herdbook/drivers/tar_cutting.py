"""Cuts a tar archive into pieces, so that a changed file changes few of them."""

import zlib
from collections.abc import Iterator
from typing import IO

from herdbook.fleet.volumes import PIECE_BYTES

_BLOCK_BYTES = 512
_READ_BYTES = 1 << 20
_LARGE_BYTES = 1 << 20
"""A file from which on it has pieces of its own: what grows before it does not move them."""

_FILES_TOGETHER = 64
"""So many smaller files are in a piece, on average. Their names say where it ends, so that cuts
are the same again soon after a file that has come, gone or grown."""

_NAME = slice(0, 100)
_SIZE = slice(124, 136)
_TYPE = slice(156, 157)
_EXTENSIONS = (b"x", b"g")


def cut(archive: IO[bytes]) -> Iterator[bytes]:
    """Yield all bytes of an archive (POSIX.1-2001, pax), in pieces of at most `PIECE_BYTES`."""
    piece = bytearray()
    for part, begins in _parts(archive):
        if begins and piece:
            yield bytes(piece)
            piece.clear()
        piece += part
        while len(piece) >= PIECE_BYTES:
            yield bytes(piece[:PIECE_BYTES])
            del piece[:PIECE_BYTES]
    if piece:
        yield bytes(piece)


def _parts(archive: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield an archive in small parts, and whether a piece begins with each."""
    after_large = False
    while any(header := archive.read(_BLOCK_BYTES)):
        extension, body = b"", b""
        while header[_TYPE] in _EXTENSIONS:
            body = archive.read(_padded(_number(header)))
            extension += header + body
            header = archive.read(_BLOCK_BYTES)
        size_bytes = _long_size(body) or _number(header)
        is_large = size_bytes >= _LARGE_BYTES
        yield extension + header, after_large or is_large or _ends_here(header)
        yield from ((part, False) for part in _read(archive, _padded(size_bytes)))
        after_large = is_large
    yield header, after_large
    while rest := archive.read(_READ_BYTES):
        yield rest, False


def _read(archive: IO[bytes], size_bytes: int) -> Iterator[bytes]:
    while size_bytes and (part := archive.read(min(size_bytes, _READ_BYTES))):
        yield part
        size_bytes -= len(part)


def _ends_here(header: bytes) -> bool:
    return zlib.crc32(header[_NAME]) % _FILES_TOGETHER == 0


def _number(header: bytes) -> int:
    """Return the size in a header: octal digits; larger ones are in the extension."""
    return int(header[_SIZE].strip(b" \0") or b"0", 8)


def _long_size(extension: bytes) -> int:
    """Return the size in an extension's records (`LENGTH KEYWORD=VALUE`), 0 where none is there."""
    while extension and not extension.startswith(b"\0"):
        length, _, rest = extension.partition(b" ")
        record = rest[: int(length) - len(length) - 1]
        if record.startswith(b"size="):
            return int(record[5:])
        extension = extension[int(length) :]
    return 0


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
