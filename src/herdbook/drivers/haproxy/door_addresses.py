"""Finds out whether doors can be opened at their addresses, and who is in the way."""

import errno
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from herdbook.core.errors import (
    ConflictError,
    HerdbookError,
    InvalidInputError,
    MissingToolError,
)
from herdbook.drivers.host_ports import listening_error
from herdbook.fleet.balancing import Door

_LISTENING = "0A"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def refuse_unusable(doors: Iterable[Door]) -> None:
    """Raise an error that names the first door that cannot be opened where it is to be.

    ConflictError where some other program listens there, InvalidInputError where that is no
    address of this machine, MissingToolError where we may not use the port. HAProxy would find
    out, too, but its last worker accepts no connections while the next one tries.
    """
    for door in doors:
        error = listening_error(door.address, door.port)
        if error is not None:
            raise _explained(door, error)


def _explained(door: Door, error: OSError) -> HerdbookError:
    where = f"port {door.port} of {door.address}"
    if error.errno == errno.EADDRINUSE:
        holder = _holder(door.port)
        return ConflictError(
            f"The door {door.name!r} cannot be opened: {where} is already in use"
            f"{f' by {holder}' if holder else ''}",
            hint=f"See who uses it with: ss -ltnp 'sport = :{door.port}'",
        )
    if error.errno == errno.EACCES:
        return MissingToolError(
            f"The door {door.name!r} cannot be opened: {where} needs a privilege",
            hint="Use a port from 1024 on, or run as root.",
        )
    return InvalidInputError(
        f"The door {door.name!r} cannot be opened: {where} gives: {error.strerror}",
        hint="Use an address of this machine; `ip address` shows them.",
    )


def _holder(port: int) -> str:
    """The program and number of a process that listens on a port; empty if we may not see it."""
    wanted = {f"socket:[{number}]" for table in _TABLES for number in _listeners(table, port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(each.readlink()) in wanted for each in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (process {process.name})"
    return ""


def _listeners(table: Path, port: int) -> list[str]:
    """The socket numbers of those that listen on a port (proc_pid_net(5))."""
    with suppress(OSError):
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]]
        return [row[9] for row in rows if row[3] == _LISTENING and row[1].endswith(f":{port:04X}")]
    return []
