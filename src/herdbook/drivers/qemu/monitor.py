"""Talks to a running QEMU over its control socket (QMP), synchronously."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qemu.qmp import QMPClient, QMPError

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


def execute(socket: Path, commands: Sequence[Command]) -> None:
    """Have QEMU execute commands in turn; raises EngineError where it does not answer."""
    try:
        asyncio.run(asyncio.wait_for(_execute(socket, commands), _LIMIT_SECONDS))
    except (TimeoutError, QMPError, OSError, EOFError) as error:
        raise EngineError(f"QEMU does not answer on {socket}: {error!r}") from error


async def _execute(socket: Path, commands: Sequence[Command]) -> None:
    client = QMPClient("herdbook")
    # A library's object, not an instance's name: it logs under this one.
    client.logger = logging.getLogger("qemu.qmp.herdbook")
    await client.connect(str(socket))
    try:
        for name, arguments in commands:
            await client.execute(name, arguments)
    finally:
        await client.disconnect()
