"""Talks to the processes of one HAProxy by their UNIX sockets."""

import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import EngineError
from herdbook.drivers.haproxy.config import backend_name
from herdbook.drivers.haproxy.layout import Place

_LIMIT_SECONDS = 10.0
# A line longer than HAProxy's buffer of 16 KiB is refused.
_LINE_BYTES = 8000
_FAILED = re.compile(r"\[failed: (\d+)\]")
_MASTER_SECONDS = 5.0
_PAUSE_SECONDS = 0.005
_MANY_PLACES = 32
_ALL_SERVERS = "show stat -1 4 -1"
_FRONTENDS_AND_SERVERS = "show stat -1 5 -1"


class Control:
    """The worker by its own socket, and the master, through which old workers are reached.

    `is_alive` tells whether the master is worth waiting for.
    """

    def __init__(
        self, worker: Path, master: Path, clock: Clock, is_alive: Callable[[], bool]
    ) -> None:
        self._worker = worker
        self._master = master
        self._clock = clock
        self._is_alive = is_alive

    def command(self, commands: Sequence[str]) -> None:
        """Have the worker change its servers; raises EngineError for what it refuses."""
        for line in _lines(commands):
            refused = [each for each in _ask(self._worker, line).splitlines() if _is_refusal(each)]
            if refused:
                raise EngineError(f"HAProxy refused a command: {refused[0]}")

    def identity(self) -> str:
        """Return which worker answers: none that comes later has the same identity."""
        return self.statistics(())[0]

    def statistics(self, places: Sequence[Place] | None = None) -> tuple[str, str]:
        """Return which worker answers and its statistics as CSV: of these slots, or of all."""
        queries = "; ".join(["show info", *_queries(places)])
        text = _ask(self._worker, queries)
        facts = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        if "Pid" not in facts:
            raise EngineError("HAProxy does not say who it is")
        return f"{facts['Pid']} {facts['Start_time_sec']}", text[text.find("# pxname") :]

    def old_statistics(self) -> list[str]:
        """Return the statistics of the workers that only end what they have begun."""
        return [
            self._ask_master(f"@!{process_id} {_FRONTENDS_AND_SERVERS}")
            for process_id in self.old_workers()
        ]

    def old_workers(self) -> list[int]:
        """Return the workers that only end what they have begun."""
        text = self._ask_master("show proc").partition("# old workers")[2]
        rows = (line.split() for line in text.partition("# programs")[0].splitlines())
        return [int(row[0]) for row in rows if len(row) > 1 and row[1] == "worker"]

    def failed_reloads(self) -> int:
        """Return how often in a row the master could not start a worker."""
        found = _FAILED.search(self._ask_master("show proc"))
        return int(found[1]) if found else 0

    def reload(self) -> None:
        """Have the master start a worker with the configuration there is now."""
        # It may begin anew before it has hung up.
        with suppress(EngineError):
            _ask(self._master, "reload")

    def _ask_master(self, line: str) -> str:
        """Ask the master, and wait while it begins anew, as it does after every start."""
        deadline = self._clock.monotonic_seconds() + _MASTER_SECONDS
        while True:
            try:
                return _ask(self._master, line)
            except EngineError:
                if self._clock.monotonic_seconds() > deadline or not self._is_alive():
                    raise
            self._clock.sleep(_PAUSE_SECONDS)


def _queries(places: Sequence[Place] | None) -> list[str]:
    if places is None or len(places) > _MANY_PLACES:
        return [_ALL_SERVERS]
    return [f"show stat {backend_name(door)} 4 {number}" for door, number in places]


def _lines(commands: Sequence[str]) -> Iterator[str]:
    line: list[str] = []
    length = 0
    for command in commands:
        length += len(command) + 2
        if line and length > _LINE_BYTES:
            yield "; ".join(line)
            line, length = [], len(command) + 2
        line.append(command)
    if line:
        yield "; ".join(line)


def _is_refusal(line: str) -> bool:
    return bool(line.strip()) and "changed" not in line and "no need to change" not in line


def _ask(path: Path, line: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LIMIT_SECONDS)
            connection.connect(str(path))
            connection.sendall(line.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
    except OSError as error:
        raise EngineError(
            f"HAProxy does not answer: {error.strerror or error}",
            hint="Opening the application's doors again brings it back.",
        ) from error
    return b"".join(parts).decode(errors="replace")
