"""Runs commands inside machines that were started with ports for that: in each lane one at a time.

What programs ask, health checks above all, and what people enter never wait for each other.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import EngineError
from herdbook.drivers.qemu.conversation import Order, converse
from herdbook.drivers.qemu.ports_inside import Lane
from herdbook.drivers.qemu.record import Record
from herdbook.fleet.ports import Executed

_KEPT_BYTES = 1 << 20
"""So much is kept of the end of what a command says; a machine may say anything, for ever."""


def execute(
    directory: Path, record: Record, command: Sequence[str], limit_seconds: float, clock: Clock
) -> Executed:
    """Run a command to its end; see the port's promises. `directory` is the machine's."""
    output, errors = _LastBytes(), _LastBytes()
    lane = Lane.PROGRAMS if record.asking else Lane.PEOPLE
    order = Order(lane, command, output.add, errors.add, None, limit_seconds, limit_seconds)
    status = converse(directory, order, clock)
    return Executed(status, output.text() + errors.text())


def entering(directory: Path, command: Sequence[str], *, terminal: bool) -> list[str]:
    """Return how a person runs a command inside."""
    flags = ["--terminal"] if terminal else []
    program = [sys.executable, "-P", "-m", "herdbook.drivers.qemu.entering"]
    return [*program, str(directory), *flags, "--", *command]


def refuse_closed(record: Record) -> None:
    """Raise EngineError where a machine was started without ports for commands."""
    if not record.inside:
        raise EngineError(
            f"{record.name!r} was started by a Herdbook that could not enter machines yet",
            hint=f"Have it started anew: herdbook stop {record.name}, then run it again; "
            "one of an application the server starts again by itself.",
        )


class _LastBytes:
    """The end of what somebody says."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def add(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > 2 * _KEPT_BYTES:
            del self._kept[:-_KEPT_BYTES]

    def text(self) -> str:
        return self._kept[-_KEPT_BYTES:].decode(errors="replace")
