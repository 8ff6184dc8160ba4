"""Starts dnsmasq so that it outlives us, finds it again, tells it to read anew and ends it."""

import pwd
import signal
from contextlib import suppress
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, EngineError, HerdbookError
from herdbook.drivers import process
from herdbook.drivers.process_identity import find_written, has_ended, kill, send
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
    return find_written(process_id, _setting(settings))


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
    send(running, signal.SIGHUP)


def end(running: RunningProcess) -> None:
    """End a process, which has nothing to lose, and return once it is gone."""
    kill(running)
    if not has_ended(running, _END_SECONDS):
        raise EngineError(f"Process {running.number} (dnsmasq) cannot be ended")


def _setting(settings: Path) -> str:
    return f"--conf-file={settings}"


def _error(words: str) -> HerdbookError:
    if _TAKEN in words:
        return ConflictError(
            f"Another program answers names or addresses there: {words}",
            hint="See which one with: ss -lnup 'sport = :53 or sport = :67'",
        )
    return EngineError(f"dnsmasq could not be started: {words}")
