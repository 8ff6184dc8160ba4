"""Copies a disk of a running machine as it is at one moment, while the machine goes on."""

from pathlib import Path
from typing import Any

from herdbook.core.clock import Clock
from herdbook.core.errors import EngineError, NoSpaceError, TimeoutExpiredError
from herdbook.drivers.qemu import monitor
from herdbook.drivers.qemu.monitor import Command

_JOB = "herdbook-backup-"
_PAUSE_SECONDS = 0.05
_LIMIT_SECONDS = 6 * 3600.0
_ENDED = "concluded"


def back_up(socket: Path, node: str, size_bytes: int, target: Path, clock: Clock) -> None:
    """Copy a block node to a new raw file; raises EngineError where QEMU cannot.

    Nothing of it stays in QEMU. Between two questions the control socket is free: whoever wants
    to stop the machine meanwhile can.
    """
    job = _JOB + node
    _clear(socket, job, clock)  # of one that was killed
    with target.open("xb") as stream:
        stream.truncate(size_bytes)
    backup = {"job-id": job, "device": node, "target": job, "sync": "full"}
    kept = {"auto-finalize": True, "auto-dismiss": False}  # or its error would be gone with it
    try:
        monitor.execute(
            socket,
            [("blockdev-add", _target(job, target)), ("blockdev-backup", {**backup, **kept})],
        )
        error = _wait(socket, job, clock)
    finally:
        _clear(socket, job, clock)
    if "No space left on device" in error:
        raise NoSpaceError(f"The disk is full: {error}")
    if error:
        raise EngineError(f"QEMU could not copy the volume: {error}")


def _target(name: str, path: Path) -> dict[str, Any]:
    return {
        "driver": "raw",
        "node-name": name,
        "file": {"driver": "file", "filename": str(path)},
    }


def _wait(socket: Path, job: str, clock: Clock) -> str:
    """Return what went wrong, empty if nothing did."""
    deadline = clock.monotonic_seconds() + _LIMIT_SECONDS
    while clock.monotonic_seconds() < deadline:
        found = _find(socket, job)
        if found is None or found["status"] == _ENDED:
            return str(found.get("error", "")) if found else "the copying was ended by somebody"
        clock.sleep(_PAUSE_SECONDS)
    raise TimeoutExpiredError(f"Copying a volume took longer than {_LIMIT_SECONDS:.0f} s")


def _find(socket: Path, job: str) -> dict[str, Any] | None:
    (jobs,) = monitor.execute(socket, [("query-jobs", {})])
    return next((each for each in jobs if each["id"] == job), None)


def _clear(socket: Path, job: str, clock: Clock) -> None:
    """Remove a job and its target from QEMU, at whatever point they are."""
    found = _find(socket, job)
    if found is not None and found["status"] != _ENDED:
        cancel: Command = ("job-cancel", {"id": job})
        monitor.execute(socket, [cancel])
        _wait(socket, job, clock)
    if found is not None:
        monitor.execute(socket, [("job-dismiss", {"id": job})])
    (nodes,) = monitor.execute(socket, [("query-named-block-nodes", {"flat": True})])
    if any(each.get("node-name") == job for each in nodes):
        monitor.execute(socket, [("blockdev-del", {"node-name": job})])
