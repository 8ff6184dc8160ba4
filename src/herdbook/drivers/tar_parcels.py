"""Packs directories into tar archives and unpacks them, as streams; equal ones are equal bytes."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from herdbook.drivers import process
from herdbook.drivers.tar_cutting import cut

_ZEROS = bytes(1 << 20)
_KEPT = ("--numeric-owner", "--acls", "--xattrs", "--xattrs-include=*")
_PACK = (
    "tar",
    "--create",
    "--file=-",
    "--format=posix",
    "--sort=name",
    # What names our process, and times that each copy changes, would make equal ones differ.
    "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
    *_KEPT,
)
_UNPACK = ("tar", "--extract", "--file=-", "--preserve-permissions", "--same-owner", *_KEPT)


def packed(directory: Path) -> Iterator[tuple[int, bytes]]:
    """Yield a directory as the pieces of a parcel; raises EngineError where tar fails."""
    offset = 0
    command = [*_PACK, f"--directory={directory}", "."]
    with _said() as words, process.spawn(command, stdout=process.PIPE, stderr=words) as tar:
        assert tar.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        for piece in cut(tar.stdout):
            yield offset, piece
            offset += len(piece)
        _check("pack", tar.wait(), words)
    yield offset, b""


def unpack(directory: Path, pieces: Iterator[tuple[int, bytes]]) -> None:
    """Make a directory from the pieces of a parcel; raises NoSpaceError, EngineError."""
    directory.mkdir()
    written = 0
    command = [*_UNPACK, f"--directory={directory}"]
    with _said() as words, process.spawn(command, stdin=process.PIPE, stderr=words) as tar:
        assert tar.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
        try:
            for offset, piece in pieces:
                _write_zeros(tar.stdin, offset - written)
                tar.stdin.write(piece)
                written = offset + len(piece)
        except BrokenPipeError:
            pass  # it has ended, and says why in words of its own
        finally:
            with suppress(BrokenPipeError):
                tar.stdin.close()
        _check("unpack", tar.wait(), words)


def _write_zeros(stream: IO[bytes], count: int) -> None:
    while count > 0:
        count -= stream.write(_ZEROS[:count])


@contextmanager
def _said() -> Iterator[IO[bytes]]:
    """Give a file for a program's words: a pipe that nobody reads would hold it up."""
    with TemporaryFile() as file:
        yield file


def _check(verb: str, status: int, words: IO[bytes]) -> None:
    words.seek(0)
    result = process.Result(status, "", words.read().decode(errors="replace"))
    result.refuse_failure(f"tar could not {verb} a directory")
