"""Runs commands inside containers, and ends what a command that took too long has left there."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from herdbook.core.errors import TimeoutExpiredError
from herdbook.drivers.podman import command
from herdbook.drivers.process_identity import identify, kill
from herdbook.fleet.ports import Executed

_MARK = "HERDBOOK_EXECUTION"
_PODMAN_FAILED = {125, 255}
_PODMAN_SPEAKS = "Error: "


def execute(container: str, arguments: Sequence[str], limit_seconds: float) -> Executed:
    """Run a command to its end; Podman's own failures are errors, the command's are not."""
    mark = f"{_MARK}={uuid4()}"
    try:
        result = command.attempt(
            ["exec", f"--env={mark}", container, *arguments], limit_seconds=limit_seconds
        )
    except TimeoutExpiredError:
        _kill_marked(mark.encode())
        raise
    if result.status in _PODMAN_FAILED and result.errors.startswith(_PODMAN_SPEAKS):
        raise command.as_error(result)
    return Executed(result.status, result.output + result.errors)


def entering(container: str, arguments: Sequence[str], *, terminal: bool) -> list[str]:
    """Return how a person runs a command inside."""
    flags = ["--interactive", *(["--tty"] if terminal else [])]
    return [*command.PODMAN, "exec", *flags, container, *arguments]


def _kill_marked(mark: bytes) -> None:
    """End what was started with the mark in its environment: Podman leaves it running."""
    for directory in Path("/proc").glob("[0-9]*"):
        found = identify(int(directory.name))
        if found and _has(found.number, mark):
            kill(found)


def _has(number: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return False
