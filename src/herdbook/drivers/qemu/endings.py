"""Says in words why a machine ended, empty where it ended as it should."""

import re
import signal
from pathlib import Path

from herdbook.core.errors import ConflictError, EngineError, HerdbookError, NoSpaceError
from herdbook.drivers.host_ports import port_conflict
from herdbook.drivers.qemu.console import console_lines
from herdbook.drivers.qemu.guardian import LOG
from herdbook.drivers.qemu.machine_command import CONSOLE_LOG
from herdbook.fleet.instances import PublishedPort

FAILURE_MARK = "herdbook: failed"
"""What a machine writes to its console, followed by the reason, when its service gave up.

A guest cannot choose QEMU's exit status: a panic, like a clean stop, ends it with 0.
"""

_MARK = re.compile(rf"(Kernel panic - not syncing|{FAILURE_MARK}|herdbook: cannot start).*")
_SEARCHED_LINES = 200
_SHOWN_LINES = 5
_SIGNAL_BASE = 128
_FORWARD = re.compile(r"host forwarding rule 'tcp:([^:]*):(\d+)-:(\d+)'")


def failure(status: int, directory: Path) -> str:
    """Return why a machine that ended with `status` failed, empty if it did not."""
    console = console_lines(directory / CONSOLE_LOG, _SEARCHED_LINES)
    if status == 0:
        marked = (_MARK.search(line) for line in console)
        return next((found[0] for found in marked if found), "")
    last_words = " | ".join(console[-_SHOWN_LINES:]) or "the console stayed empty"
    if status > _SIGNAL_BASE:
        return f"QEMU was ended by {_signal_name(status - _SIGNAL_BASE)}: {last_words}"
    said = " ".join(console_lines(directory / LOG, _SHOWN_LINES))
    return f"QEMU ended with status {status}: {said or last_words}"


def start_error(directory: Path) -> HerdbookError:
    """Return the error that says why QEMU ended before the machine began to run."""
    said = " ".join(console_lines(directory / LOG, _SHOWN_LINES)) or "it said nothing"
    forward = _FORWARD.search(said)
    if forward:
        address, host_port, instance_port = forward.groups()
        return port_conflict(PublishedPort(int(instance_port), int(host_port), address))
    if "No space left on device" in said:
        return NoSpaceError(f"The disk is full: {said}")
    if "Failed to get" in said and "lock" in said:
        return ConflictError(f"Some other program writes to a file of this machine: {said}")
    if "/dev/net/tun" in said and "Device or resource busy" in said:
        return ConflictError(f"Another machine has one of the network cards: {said}")
    return EngineError(f"QEMU could not start the machine: {said}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
