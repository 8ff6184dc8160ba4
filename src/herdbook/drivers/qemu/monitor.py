"""Talks to a running QEMU over its control socket (QMP), synchronously."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qemu.qmp import ExecuteError, QMPClient, QMPError

from herdbook.core.errors import EngineError

Command = tuple[str, dict[str, Any]]
"""A command's name and its arguments (QEMU QMP Reference Manual)."""

QUERY_STATUS: Command = ("query-status", {})
PRESS_POWER_BUTTON: Command = ("system_powerdown", {})
QUIT: Command = ("quit", {})
PRESS_CONTROL_ALT_DELETE: Command = (
    "send-key",
    {"keys": [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]},
)

_LIMIT_SECONDS = 5.0

# Its complaints reach our caller as errors; whoever wants to read them configures logging.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())


def execute(socket: Path, commands: Sequence[Command]) -> list[Any]:
    """Have QEMU execute commands in turn, and return what it answered.

    Raises EngineError where it does not answer, or refuses.
    """
    try:
        return asyncio.run(asyncio.wait_for(_execute(socket, commands), _LIMIT_SECONDS))
    except ExecuteError as error:
        raise EngineError(f"QEMU refuses: {error}") from error
    except (TimeoutError, QMPError, OSError, EOFError) as error:
        raise EngineError(f"QEMU does not answer on {socket}: {error!r}") from error


async def _execute(socket: Path, commands: Sequence[Command]) -> list[Any]:
    client = QMPClient("herdbook")
    # A library's object, not an instance's name: it logs under this one.
    client.logger = logging.getLogger("qemu.qmp.herdbook")
    await client.connect(str(socket))
    try:
        return [await client.execute(name, arguments) for name, arguments in commands]
    finally:
        await client.disconnect()
