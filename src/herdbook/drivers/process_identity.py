"""Tells one process from a later one that was given the same number."""

import os
import signal
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


def is_alive(process: RunningProcess) -> bool:
    """Whether that very process still runs."""
    found = _read(Path(f"/proc/{process.number}/stat"))
    return found is not None and found[0] == process and found[1] not in _DEAD_STATES


def kill(process: RunningProcess) -> None:
    """End that very process by force; idempotent, and no danger to whoever has its number now."""
    try:
        descriptor = os.pidfd_open(process.number)
    except ProcessLookupError:
        return
    try:
        if is_alive(process):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return
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
