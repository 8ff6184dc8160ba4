"""Reads .deb files (deb(5)): an ar archive of a control tar and a data tar."""

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from herdbook.core.errors import VerificationError

_AR_MAGIC = b"!<arch>\n"
_AR_HEADER_BYTES = 60


class _BrokenError(Exception):
    """What is no whole .deb file, in the words that follow its name."""


_BROKEN = (
    EOFError,
    _BrokenError,
    gzip.BadGzipFile,
    lzma.LZMAError,
    tarfile.TarError,
    zlib.error,
    zstandard.ZstdError,
)


@dataclass(frozen=True)
class ControlFile:
    """One member of the control tar: the control file itself, a script, md5sums, ..."""

    content: bytes
    mode: int
    mtime: int


class _Section(io.RawIOBase):
    """A range of a file as a stream of its own."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed says Buffer
        piece = self._stream.read(min(len(buffer), self._left))
        if not piece and self._left:
            raise _BrokenError("it ends too early")
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


def control_files(path: Path) -> dict[str, ControlFile]:
    """Return the members of the control tar by name (`control`, `postinst`, ...)."""
    with _member(path, "control.tar") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        return {
            member.name.removeprefix("./"): ControlFile(
                cast("BinaryIO", archive.extractfile(member)).read(),
                member.mode & 0o7777,
                int(member.mtime),
            )
            for member in archive
            if member.isfile()
        }


@contextmanager
def data_tar(path: Path) -> Iterator[BinaryIO]:
    """Open the uncompressed data tar of a package."""
    with _member(path, "data.tar") as stream:
        yield stream


@contextmanager
def _member(path: Path, wanted: str) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream, _found(stream, wanted) as content:
            yield content
    except _BROKEN as error:
        raise VerificationError(f"{path.name} is not a whole .deb file: {error}") from error


def _found(stream: BinaryIO, wanted: str) -> BinaryIO:
    if stream.read(len(_AR_MAGIC)) != _AR_MAGIC:
        raise _BrokenError("it does not begin as one")
    while header := stream.read(_AR_HEADER_BYTES):
        name = header[:16].decode("ascii", "replace").strip().rstrip("/")
        digits = header[48:58].strip()
        if not digits.isdigit():
            raise _BrokenError("a member has no size")
        size = int(digits)
        if name.startswith(wanted):
            section = io.BufferedReader(_Section(stream, size), 1 << 18)
            return _decompressed(section, name.removeprefix(wanted))
        stream.seek(size + size % 2, io.SEEK_CUR)
    raise _BrokenError(f"it has no {wanted}")


def _decompressed(stream: BinaryIO, suffix: str) -> BinaryIO:
    match suffix:
        case "":
            return stream
        case ".xz":
            return cast("BinaryIO", lzma.open(stream))
        case ".gz":
            return cast("BinaryIO", gzip.open(stream))
        case ".zst":
            return cast(
                "BinaryIO",
                io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(stream), 1 << 18),
            )
    raise _BrokenError(f"nobody here knows the compression {suffix}")
