"""Puts a load on a web service at a fixed rate, whatever it answers, and keeps every failure.

An open loop: when a request is due does not depend on the answers before. Its latency counts
from the moment it was due, so a generator that lags shows up as latency, never as a lower rate.
Half of the requests come on kept connections, the other half each on one of its own.
"""

import argparse
import errno
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

TIMEOUT_SECONDS = 5.0
_SLOW_SECONDS = 0.4
_SLICE_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 0.005
_ENDING_SECONDS = TIMEOUT_SECONDS + 30.0
_IN_PROGRESS = {0, errno.EINPROGRESS}


@dataclass(frozen=True)
class Failure:
    """A request that was not answered as it should be; `version` is who answered, if anybody.

    Times are of the monotonic clock, in seconds, which all processes of a machine share.
    """

    at: float
    sequence: int
    what: str
    version: str = ""
    kept: bool = False


@dataclass
class Observed:
    """What became of all requests: lists of the good ones in the order of their answers."""

    due_at: list[float] = field(default_factory=list)
    latency_seconds: list[float] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    late_seconds: float = 0.0
    """By how much the generator itself was ever late to send: what it cannot tell apart."""

    @property
    def total(self) -> int:
        """How many requests were made."""
        return len(self.due_at) + len(self.failures)

    @property
    def by_version(self) -> Counter[str]:
        """How many good answers came from each version."""
        return Counter(self.versions)

    def answered_at(self, version: str) -> list[float]:
        """When the good answers of a version came."""
        return [
            due + latency
            for due, latency, found in zip(
                self.due_at, self.latency_seconds, self.versions, strict=True
            )
            if found == version
        ]

    def between(self, start: float, end: float) -> list[float]:
        """The latencies of the good requests that were due in a time."""
        return [
            latency
            for due, latency in zip(self.due_at, self.latency_seconds, strict=True)
            if start <= due < end
        ]

    def unavailable_seconds(self) -> float:
        """For how long requests failed: the slices of time in which one that was due did."""
        return _SLICE_SECONDS * len({int(each.at / _SLICE_SECONDS) for each in self.failures})

    def told(self, most: int = 10) -> str:
        """The failures in words, for the message of an assertion."""
        kinds = Counter(f"{each.version} {each.what}".strip() for each in self.failures)
        first = [str(each) for each in self.failures[:most]]
        return "\n".join([f"{len(self.failures)} of {self.total} failed: {dict(kinds)}", *first])


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else 0.0


class Load:
    """The generator in a process of its own, from `start` to `stop`, or for a block."""

    def __init__(
        self,
        port: int,
        rate: float,
        *,
        versions: Sequence[str] = ("v1", "v2"),
        slow: int = 0,
        elsewhere: bool = False,
    ) -> None:
        """`slow` makes two in so many requests ask for an answer after 400 ms; 0 for none.

        Their latency is what comes on top of that. `elsewhere` has the generator never wait for
        a processor, like one on another machine: else its own delays are measured, too.
        """
        self._command = [
            sys.executable, __file__, str(port), str(rate), f"--versions={','.join(versions)}",
            f"--slow={slow}", *(["--elsewhere"] if elsewhere else []),
        ]  # fmt: skip
        self.observed = Observed()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin; the first requests are on their way when this returns."""
        self._file = Path(tempfile.mkstemp(prefix="open-loop-")[1])
        self._process = subprocess.Popen(
            [*self._command, str(self._file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def stop(self) -> Observed:
        """End, wait for the last answers, and return what became of all requests."""
        try:
            self._process.communicate(timeout=_ENDING_SECONDS)  # the end of its input ends it
            found = json.loads(self._file.read_text(encoding="utf-8"))
        finally:
            self._process.kill()
            self._process.wait()
            self._file.unlink()
        failures = [Failure(**each) for each in found.pop("failures")]
        self.observed = Observed(**found, failures=failures)
        return self.observed


@dataclass
class _Connection:
    socket: socket.socket
    keeps: bool
    request: bytes = b""
    sequence: int = -1
    due: float = 0.0
    wait: float = 0.0
    connecting: bool = True
    answer: bytearray = field(default_factory=bytearray)


class Generator:
    """Sends requests when they are due and reads what comes back, in one thread."""

    def __init__(self, port: int, rate: float, versions: Sequence[str], slow: int) -> None:
        self.observed = Observed()
        self._address = ("127.0.0.1", port)
        self._step = 1.0 / rate
        self._versions = frozenset(versions)
        self._slow = slow
        self._poll = select.epoll()
        self._open: dict[int, _Connection] = {}
        self._idle: deque[_Connection] = deque()
        self._under_way: dict[int, _Connection] = {}

    def run(self, until: int) -> None:
        """Go on until the file descriptor `until` ends; then wait for the last answers."""
        self._poll.register(until, select.EPOLLIN | select.EPOLLHUP)
        sequence, began, ended = 0, time.monotonic(), False
        while not ended or self._under_way:
            now = time.monotonic()
            while not ended and (due := began + sequence * self._step) <= now:
                self.observed.late_seconds = max(self.observed.late_seconds, now - due)
                self._send(sequence, due)
                sequence += 1
                now = time.monotonic()
            wait = _LONGEST_WAIT_SECONDS
            if not ended:
                wait = min(max(began + sequence * self._step - now, 0.0), wait)
            for number, events in self._poll.poll(wait):
                if number == until:
                    ended = True
                    self._poll.unregister(until)
                elif number in self._open:
                    self._happened(self._open[number], events)
            self._give_up(time.monotonic())

    def _send(self, sequence: int, due: float) -> None:
        keeps = sequence % 2 == 0
        slow = bool(self._slow) and sequence % self._slow in (0, 1)  # one kept, one closed
        wait = f"?wait={_SLOW_SECONDS * 1000:.0f}" if slow else ""
        how = "keep-alive" if keeps else "close"
        request = f"GET /{sequence}{wait} HTTP/1.1\r\nHost: test\r\nConnection: {how}\r\n\r\n"
        # The one that has been idle for longest: none is left until its server closes it.
        connection = self._idle.popleft() if keeps and self._idle else self._connected(keeps=keeps)
        connection.request, connection.sequence = request.encode(), sequence
        connection.due, connection.wait = due, _SLOW_SECONDS if slow else 0.0
        connection.answer.clear()
        self._under_way[sequence] = connection
        if not connection.connecting:
            self._write(connection)

    def _connected(self, *, keeps: bool) -> _Connection:
        made = socket.socket()
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(made, keeps)
        status = made.connect_ex(self._address)
        self._open[made.fileno()] = connection
        watched = select.EPOLLIN | (select.EPOLLOUT if status in _IN_PROGRESS else 0)
        self._poll.register(made.fileno(), watched)
        return connection

    def _happened(self, connection: _Connection, events: int) -> None:
        if connection.connecting and events & (select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP):
            status = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if status:
                self._fail(connection, f"not connected: {errno.errorcode[status]}")
                return
            connection.connecting = False
            self._poll.modify(connection.socket.fileno(), select.EPOLLIN)
            self._write(connection)
        elif events & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP):
            self._read(connection)

    def _write(self, connection: _Connection) -> None:
        try:
            connection.socket.send(connection.request)
        except OSError as error:
            self._fail(connection, f"not sent: {errno.errorcode[error.errno or 0]}")

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(65536)
        except OSError as error:
            self._fail(connection, f"broken off: {errno.errorcode[error.errno or 0]}")
            return
        if not data:
            self._fail(connection, "closed before the answer was complete")
            return
        connection.answer += data
        head, separator, body = bytes(connection.answer).partition(b"\r\n\r\n")
        if separator and len(body) >= _length(head):
            self._answered(connection, head, body)

    def _answered(self, connection: _Connection, head: bytes, body: bytes) -> None:
        now, sequence = time.monotonic(), connection.sequence
        if sequence < 0:
            self._close(connection)
            return
        status = head.split(b" ", 2)[1].decode()
        version, echoed, instance = (*body.decode(errors="replace").split(), "", "", "")[:3]
        known = version in self._versions
        if status == "200" and known and echoed == str(sequence):
            self.observed.due_at.append(round(connection.due, 5))
            self.observed.latency_seconds.append(round(now - connection.due - connection.wait, 6))
            self.observed.versions.append(version)
            self.observed.instances.append(instance)
        else:
            what = status if status != "200" else f"wrong body: {body[:80]!r}"
            self._note(connection, what, version if known else "")
        del self._under_way[sequence]
        connection.sequence = -1
        if connection.keeps and b"connection: close" not in head.lower():
            self._idle.append(connection)
        else:
            self._close(connection)

    def _fail(self, connection: _Connection, what: str) -> None:
        """Note a request that failed; a kept connection that was idle may be closed at any time."""
        if connection.sequence >= 0:
            self._note(connection, what, "")
            del self._under_way[connection.sequence]
        else:
            self._idle.remove(connection)
        self._close(connection)

    def _note(self, connection: _Connection, what: str, version: str) -> None:
        self.observed.failures.append(
            Failure(
                round(time.monotonic(), 4), connection.sequence, what, version, connection.keeps
            )
        )

    def _give_up(self, now: float) -> None:
        for connection in list(self._overdue(now)):
            self._fail(connection, "no answer in time")

    def _overdue(self, now: float) -> Iterator[_Connection]:
        for connection in self._under_way.values():  # in the order in which they were due
            if connection.due > now - TIMEOUT_SECONDS:
                return
            yield connection

    def _close(self, connection: _Connection) -> None:
        self._open.pop(connection.socket.fileno(), None)
        connection.socket.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def main() -> None:
    """Run until the standard input ends; write what was observed to a file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("file", type=Path)
    parser.add_argument("--versions", required=True)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("--elsewhere", action="store_true")
    given = parser.parse_args()
    if given.elsewhere:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    generator = Generator(given.port, given.rate, given.versions.split(","), given.slow)
    sys.stdout.write("begins\n")
    sys.stdout.flush()
    generator.run(sys.stdin.fileno())
    given.file.write_text(json.dumps(asdict(generator.observed)), encoding="utf-8")


if __name__ == "__main__":
    main()
