"""Starts, finds, reloads and ends the HAProxy of one application."""

import os
import pwd
import resource
import signal
from contextlib import suppress
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError
from herdbook.drivers import findings, process
from herdbook.drivers.haproxy.config import Surroundings
from herdbook.drivers.haproxy.control import Control
from herdbook.drivers.haproxy.files import Files
from herdbook.drivers.process_identity import (
    find_written,
    has_ended,
    is_alive,
    kill,
    read_identity,
    send,
)
from herdbook.fleet.instances import RunningProcess

_USER = "haproxy"
_PAUSE_SECONDS = 0.02
_RELOAD_SECONDS = 10.0
_END_SECONDS = 5.0
# The workers of one that was killed may hold their ports for a moment.
_PORT_SECONDS = 2.0
_SPARE_DESCRIPTORS = 200
_MOST_CONNECTIONS = 20_000
_MOST_THREADS = 4
# Who visits does not wait while this machine starts instances. The niceness counts within a
# session only where the kernel shares among sessions first, so that has one, too (sched(7)).
_NICENESS = -15


class Daemon:
    """One application's HAProxy: a master that outlives us, and its workers."""

    def __init__(self, files: Files, clock: Clock) -> None:
        self._files = files
        self._clock = clock

    def surroundings(self) -> Surroundings:
        """Return what of this machine goes into the configuration."""
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if descriptors == resource.RLIM_INFINITY:
            descriptors = 2 * _MOST_CONNECTIONS + _SPARE_DESCRIPTORS
        most = max(1, (descriptors - _SPARE_DESCRIPTORS) // 2)
        return Surroundings(
            control=self._files.control,
            empty_directory=self._files.empty_directory,
            user=_USER if os.geteuid() == 0 and _has_user() else "",
            connections=min(_MOST_CONNECTIONS, most),
            threads=min(_MOST_THREADS, os.cpu_count() or 1),
        )

    def found(self) -> RunningProcess | None:
        """Return the master that runs; None if none does.

        One whose start we did not live to see the end of is recognised by its command line.
        """
        identity = read_identity(self._files.identity)
        if identity and self.is_of_this_boot() and is_alive(identity):
            return identity
        found = find_written(self._files.process_number, "-W", str(self._files.config))
        if found:
            self._note(found.number)
        return found

    def is_of_this_boot(self) -> bool:
        """Whether HAProxy was last started since this machine was."""
        with suppress(OSError):
            return self._files.boot.read_text(encoding="ascii") == findings.boot_id()
        return False

    def check(self) -> None:
        """Raise InvalidInputError where HAProxy does not understand the candidate."""
        result = process.run(["haproxy", "-c", "-f", self._files.candidate])
        if not result.succeeded:
            raise InvalidInputError(
                f"HAProxy cannot open these doors: {result.last_words}",
                hint="If a certificate is named there, see whether it is a PEM file with its key.",
            )

    def start(self, control: Control) -> None:
        """Start HAProxy; it has its doors open when this returns.

        Raises ConflictError where an address is taken.
        """
        files = self._files
        files.boot.write_text(findings.boot_id(), encoding="ascii")
        was_started = files.identity.exists()
        deadline = self._clock.monotonic_seconds() + _PORT_SECONDS
        command = ["nice", "-n", f"{_NICENESS}", process.find("haproxy"), "-W", "-D"]
        command += ["-S", f"{files.master},mode,600"]
        command += ["-p", str(files.process_number), "-f", str(files.config)]
        result = process.run(command)
        while _is_conflict(result) and was_started and self._clock.monotonic_seconds() < deadline:
            self._clock.sleep(_PAUSE_SECONDS * 10)
            result = process.run(command)
        if _is_conflict(result):
            raise ConflictError(f"An address is in use: {result.last_words}")
        if not result.succeeded:
            raise EngineError(f"HAProxy could not be started: {result.last_words}")
        self._note(int(files.process_number.read_text(encoding="ascii")))
        # The master begins anew once it has a worker; only then can it be found and asked.
        control.old_workers()

    def reload(self, control: Control) -> None:
        """Have a new worker take over all doors; the old one ends what it has begun.

        Raises EngineError where the new one could not start: all is as it was.
        """
        before, failed = control.identity(), control.failed_reloads()
        control.reload()
        deadline = self._clock.monotonic_seconds() + _RELOAD_SECONDS
        while self._clock.monotonic_seconds() < deadline:
            # Neither answers while the master begins anew.
            with suppress(EngineError):
                if control.identity() != before:
                    control.old_workers()
                    return
            if control.failed_reloads() > failed:
                break
            self._clock.sleep(_PAUSE_SECONDS)
        raise EngineError("HAProxy did not take its new configuration")

    def end(self) -> None:
        """End HAProxy with all its workers; idempotent."""
        master = self.found()
        if master is None:
            return
        send(master, signal.SIGTERM)
        if not has_ended(master, _END_SECONDS):
            kill(master)

    def _note(self, number: int) -> None:
        with suppress(OSError):  # no such thing on this machine, or no right to it
            Path(f"/proc/{number}/autogroup").write_text(f"{_NICENESS}", encoding="ascii")
        with suppress(OSError):
            self._files.identity.write_bytes(Path(f"/proc/{number}/stat").read_bytes())


def _has_user() -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(_USER))
    return False


def _is_conflict(result: process.Result) -> bool:
    return not result.succeeded and "Address already in use" in result.errors + result.output
