"""Finds out what has become of a machine from what its process and its directory show."""

from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.drivers import findings
from herdbook.drivers.process_identity import is_alive
from herdbook.drivers.qemu import guardian
from herdbook.drivers.qemu.endings import failure
from herdbook.drivers.qemu.record import Record
from herdbook.fleet.instances import RunningProcess, State

_EXIT_STATUS_LIMIT_SECONDS = 0.5
_PAUSE_SECONDS = 0.02


def living_process(record: Record, directory: Path) -> RunningProcess | None:
    """Return the machine's process if it is alive."""
    if record.boot_id != findings.boot_id():
        return None
    process = guardian.identity(directory)
    return process if process is not None and is_alive(process) else None


def ending(record: Record, directory: Path, clock: Clock) -> tuple[State, str]:
    """Return how a machine whose process is not alive ended, and why if it failed."""
    if record.boot_id != findings.boot_id():
        return State.FAILED, "This computer was restarted"
    if guardian.identity(directory) is None:
        return State.FAILED, "Starting it was cut off"
    status = settled_exit_status(directory, clock)
    if status is None:
        return State.FAILED, "It was killed together with its guardian"
    reason = failure(status, directory)
    return (State.FAILED, reason) if reason else (State.STOPPED, "")


def settled_exit_status(directory: Path, clock: Clock) -> int | None:
    """Return how QEMU ended; its guardian notes that a moment after it is gone."""
    deadline = clock.monotonic_seconds() + _EXIT_STATUS_LIMIT_SECONDS
    while (status := guardian.exit_status(directory)) is None:
        if clock.monotonic_seconds() >= deadline:
            return None
        clock.sleep(_PAUSE_SECONDS)
    return status
