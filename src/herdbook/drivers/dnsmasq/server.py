"""Starts dnsmasq so that it outlives us, finds it again, tells it to read anew and ends it."""

import os
import pwd
import signal
from contextlib import suppress
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, EngineError, HerdbookError
from herdbook.drivers import process
from herdbook.drivers.process_identity import identify, is_alive, kill
from herdbook.fleet.instances import RunningProcess

_START_LIMIT_SECONDS = 20.0
_END_SECONDS = 10.0
_RELEASE_SECONDS = 0.5
_PAUSE_SECONDS = 0.005
_TAKEN = "Address already in use"
_USERS = ("dnsmasq", "nobody")


def user() -> str:
    """Return the user dnsmasq becomes: its own where the package has made one."""
    for name in _USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return "root"


def find(settings: Path, process_id: Path) -> RunningProcess | None:
    """Return the process that runs with a file of settings; None if none does.

    It writes its number itself, so it is found even where its starter was killed.
    """
    try:
        number = int(process_id.read_text(encoding="ascii"))
        running = identify(number)
        command = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    is_ours = _setting(settings).encode() in command
    return running if running and is_ours and is_alive(running) else None


def start(settings: Path, clock: Clock) -> None:
    """Start dnsmasq and return once it answers.

    Raises ConflictError where others have its address, EngineError where it cannot start.
    """
    deadline = clock.monotonic_seconds() + _RELEASE_SECONDS
    while True:
        # It leaves our session by itself, and its first process tells how the start went.
        result = process.run(["dnsmasq", _setting(settings)], limit_seconds=_START_LIMIT_SECONDS)
        if result.succeeded:
            return
        # A killed one is unknown at once, but gives its address back a moment later.
        is_patient = _TAKEN in result.last_words and clock.monotonic_seconds() < deadline
        if not is_patient:
            raise _error(result.last_words)
        clock.sleep(_PAUSE_SECONDS)


def read_anew(running: RunningProcess) -> None:
    """Have a process read the names and the machines again: between two answers, all at once."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(running.number)
        try:
            if is_alive(running):
                signal.pidfd_send_signal(descriptor, signal.SIGHUP)
        finally:
            os.close(descriptor)


def end(running: RunningProcess, clock: Clock) -> None:
    """End a process, which has nothing to lose, and return once it is gone."""
    kill(running)
    deadline = clock.monotonic_seconds() + _END_SECONDS
    while is_alive(running):
        if clock.monotonic_seconds() >= deadline:
            raise EngineError(f"Process {running.number} (dnsmasq) cannot be ended")
        clock.sleep(_PAUSE_SECONDS)


def _setting(settings: Path) -> str:
    return f"--conf-file={settings}"


def _error(words: str) -> HerdbookError:
    if _TAKEN in words:
        return ConflictError(
            f"Another program answers names or addresses there: {words}",
            hint="See which one with: ss -lnup 'sport = :53 or sport = :67'",
        )
    return EngineError(f"dnsmasq could not be started: {words}")
