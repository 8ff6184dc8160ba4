"""Reads files that some process is still writing lines to."""

import errno
import os
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path

from herdbook.core.clock import Clock

_TAIL_BYTES = 1 << 16
_PAUSE_SECONDS = 0.1


def follow_lines(path: Path, is_written: Callable[[], bool], clock: Clock) -> Iterator[str]:
    """Yield the lines of a file, and those that are added while `is_written` says so.

    A missing file has no lines. What is left in a file that was removed is still read, and one
    that was put in its place (a log that was rotated) is read next. Where the room of a beginning
    was given back (a log that grew long), it is read from the first whole line after that.
    """
    rest = b""
    while path.exists():
        with path.open("rb", buffering=0) as stream:
            while True:
                # Asked before reading: whatever was written until then is still read.
                goes_on = is_written()
                if _has_skipped_hole(stream):
                    rest = b""
                    stream.readline()
                *complete, rest = (rest + stream.read()).split(b"\n")
                yield from map(_text, complete)
                if not goes_on:
                    yield from [_text(rest)] if rest else []
                    return
                clock.sleep(_PAUSE_SECONDS)
                if _is_replaced(path, stream):
                    break


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a file; none of a missing one."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            lines = stream.read().removesuffix(b"\n").split(b"\n")
    except FileNotFoundError:
        return []
    return [_text(line) for line in lines[-count:]]


def _has_skipped_hole(stream: FileIO) -> bool:
    """Go on where there is something, if what comes next was given back."""
    position = stream.tell()
    try:
        found = os.lseek(stream.fileno(), position, os.SEEK_DATA)
    except OSError as error:
        if error.errno != errno.ENXIO:  # there is nothing after the position
            raise
        found = position
    stream.seek(found)
    return found > position


def _is_replaced(path: Path, stream: FileIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(stream.fileno()).st_ino
    except FileNotFoundError:
        return False


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
