"""Tells one process from a later one that was given the same number, and reaches just that one."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from herdbook.fleet.instances import RunningProcess

_STATE_FIELD = 0
_START_FIELD = 19
_DEAD_STATES = {"Z", "X", "x"}


def identify(process_id: int) -> RunningProcess | None:
    """Return who has that number now; None if nobody has."""
    return read_identity(Path(f"/proc/{process_id}/stat"))


def read_identity(stat: Path) -> RunningProcess | None:
    """Return whom a `stat` file of proc(5), or a copy of one, speaks of; None if of nobody."""
    found = _read(stat)
    return found and found[0]


def find_written(number_file: Path, *words: str) -> RunningProcess | None:
    """Return who has the number that a program wrote to a file; None if that is not the program.

    It is known by `words` of its command line: where it has ended, another may have its number.
    """
    try:
        found = identify(int(number_file.read_text(encoding="ascii")))
        command = Path(f"/proc/{found.number}/cmdline").read_bytes() if found else b""
    except (OSError, ValueError):
        return None
    has_words = {os.fsencode(word) for word in words} <= set(command.split(b"\0"))
    return found if found and has_words and is_alive(found) else None


def is_alive(process: RunningProcess) -> bool:
    """Whether that very process still runs."""
    found = _read(Path(f"/proc/{process.number}/stat"))
    return found is not None and found[0] == process and found[1] not in _DEAD_STATES


def kill(process: RunningProcess) -> None:
    """End that very process by force; idempotent."""
    send(process, signal.SIGKILL)


def send(process: RunningProcess, signal_number: int) -> None:
    """Send a signal to that very process, no danger to whoever has its number now.

    Nothing happens where it has ended. Raises PermissionError where it is not ours to ask.
    """
    with suppress(ProcessLookupError), _held(process) as descriptor:
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, signal_number)


def has_ended(process: RunningProcess, limit_seconds: float) -> bool:
    """Whether that very process ends within so many seconds; returns at once when it does.

    Until then one of its threads may still have files, ports and network cards open, though the
    first one has ended and `is_alive` says no.
    """
    with suppress(ProcessLookupError), _held(process) as descriptor:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return identify(process.number) != process or bool(poll.poll(limit_seconds * 1000))
    return True


@contextmanager
def _held(process: RunningProcess) -> Iterator[int]:
    """Give a descriptor (pidfd_open(2)) of whoever has the number and keeps it meanwhile."""
    descriptor = os.pidfd_open(process.number)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read(stat: Path) -> tuple[RunningProcess, str] | None:
    try:
        text = stat.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    number = text.partition(" ")[0]
    # A program's name may contain anything, even a closing bracket.
    fields = text.rpartition(")")[2].split()
    if len(fields) <= _START_FIELD:
        return None
    return RunningProcess(int(number), int(fields[_START_FIELD])), fields[_STATE_FIELD]
