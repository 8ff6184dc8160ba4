"""Runs one program of a rendering, and lets a result appear only when it is complete."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import BinaryIO

from herdbook.core.errors import NoSpaceError, StepFailedError, TimeoutExpiredError
from herdbook.drivers import process

LIMIT_SECONDS = 1800.0
"""Long enough for a large root on a slow machine; a program that hangs ends all the same."""

_FULL_DISK = os.strerror(errno.ENOSPC)


def environment(epoch_seconds: int) -> dict[str, str]:
    """Return the whole environment of our programs: nothing of the user's changes a byte."""
    return {
        "E2FSPROGS_FAKE_TIME": str(epoch_seconds),
        "LC_ALL": "C",
        "MTOOLSRC": os.devnull,
        "PATH": os.defpath,
        "SOURCE_DATE_EPOCH": str(epoch_seconds),
        "TZ": "UTC",
    }


def run(arguments: Sequence[str | Path], variables: Mapping[str, str]) -> None:
    """Run a program to its end; raises NoSpaceError or StepFailedError where it fails."""
    result = process.run(arguments, environment=variables, limit_seconds=LIMIT_SECONDS)
    if not result.succeeded:
        raise _failure(arguments, result.last_words)


def feed(
    arguments: Sequence[str | Path], pieces: Iterable[bytes], variables: Mapping[str, str]
) -> None:
    """Run a program that reads `pieces` from its standard input; raises as `run` does."""
    read_end, write_end = os.pipe()
    with (
        open(write_end, "wb") as ours,  # noqa: PTH123 - a descriptor has no path
        open(read_end, "rb") as theirs,  # noqa: PTH123
        process.spawn(arguments, environment=variables, stdin=theirs) as child,
    ):
        theirs.close()
        timer = Timer(LIMIT_SECONDS, child.kill)
        timer.start()
        try:
            _write_all(ours, pieces)
            output, errors = child.communicate()
            late = timer.finished.is_set()
        finally:
            timer.cancel()
    if late:
        raise TimeoutExpiredError(f"{_name(arguments)} took longer than {LIMIT_SECONDS:.0f} s")
    if child.returncode:
        raise _failure(arguments, (errors or output).decode(errors="replace").strip())


def _write_all(stream: BinaryIO, pieces: Iterable[bytes]) -> None:
    """Write and close; a program that gives up early says why, so a broken pipe adds nothing."""
    try:
        with suppress(BrokenPipeError):
            stream.writelines(pieces)
    finally:
        with suppress(BrokenPipeError):
            stream.close()


@contextmanager
def complete_at(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it becomes `target` when the block succeeds.

    The folder it lies in may hold intermediate files; all that is left there is removed.
    """
    with TemporaryDirectory(prefix=".herdbook-", dir=target.parent) as folder:
        unfinished = Path(folder) / target.name
        try:
            yield unfinished
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise _no_space() from error
            raise
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())  # a name must not outlive the bytes in a power cut
        unfinished.replace(target)


def _failure(arguments: Sequence[str | Path], last_words: str) -> NoSpaceError | StepFailedError:
    if _FULL_DISK in last_words:
        return _no_space()
    return StepFailedError(
        f"{_name(arguments)} failed:\n{last_words}",
        hint="If it does not know an option, a newer version of it is needed.",
    )


def _name(arguments: Sequence[str | Path]) -> str:
    """Return the program's name, also where a loader starts it."""
    names = [Path(argument).name for argument in arguments]
    return next((name for name in names if name.startswith("mkfs")), names[0])


def _no_space() -> NoSpaceError:
    return NoSpaceError(
        "The disk is full", hint="Free some space; nothing that was complete is lost."
    )
