"""Sees to it that one server at a time tends a state directory, and wakes it from outside.

Where a database says who works, there may be several, each known by a mark of its own.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from herdbook.core import digests
from herdbook.core.errors import ConflictError, EngineError
from herdbook.core.locks import locked_soon
from herdbook.drivers import process
from herdbook.drivers.claims import is_claimed
from herdbook.drivers.runtime_directory import runtime_directory

_MESSAGE_BYTES = 64
_TRIES = 10
_WATCH_SECONDS = 1.0


class LoneServer:
    """The server of one state directory: whether it runs, and how it is told to look."""

    def __init__(self, state_directory: Path) -> None:
        self._state_directory = state_directory.resolve()
        self._lone = self._lock = self._state_directory / "server.lock"
        self._several = self._state_directory / "servers"
        self._name = digests.short(digests.of_bytes(str(self._state_directory).encode()))

    @property
    def log(self) -> Path:
        """Where a server that was started in the background writes what it does."""
        return self._state_directory / "server.log"

    def runs(self) -> bool:
        """Tell whether a server tends this state directory, or stands by to do so."""
        return bool(self._living())

    def lives(self, mark: str) -> bool:
        """Tell whether the server with that mark, one of several, has not ended."""
        return is_claimed(self._several / mark)

    def _living(self) -> list[Path]:
        """Return the locks that servers hold."""
        several = sorted(self._several.iterdir()) if self._several.is_dir() else []
        return [each for each in (self._lone, *several) if is_claimed(each)]

    def _socket_of(self, lock: Path) -> Path:
        mark = "" if lock == self._lone else f"-{lock.name}"
        return runtime_directory() / f"server-{self._name}{mark}.sock"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the server until the block ends; raises ConflictError where there is another."""
        with self._holding(self._lock):
            self._refuse(lambda other: other == self._lone)
            yield

    @contextmanager
    def among(self, mark: str) -> Iterator[None]:
        """Be one of several servers until the block ends; others decide which of them works.

        Several are those of one database, which their marks begin with. Raises ConflictError where
        one of another database is there, or one that would be alone.
        """
        self._forget_ended()
        self._several.mkdir(exist_ok=True)
        self._lock = self._several / mark
        database = mark.partition("-")[0]
        try:
            with self._holding(self._lock):
                self._refuse(lambda other: other.name.partition("-")[0] == database)
                yield
        finally:
            self._forget(self._lock)

    def _refuse(self, is_one_of_ours: Callable[[Path], bool]) -> None:
        if not all(map(is_one_of_ours, self._living())):
            raise ConflictError(
                "Another server tends this state directory already, with another database",
                hint="Leave it be, or end it first: herdbook serve --stop",
            )

    @contextmanager
    def _holding(self, lock: Path) -> Iterator[None]:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not locked_soon(descriptor, _TRIES):
                raise ConflictError(
                    "Another server tends this state directory already",
                    hint="Leave it be, or end it first: herdbook serve --stop",
                )
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def _forget_ended(self) -> None:
        """Remove what servers have left that were killed."""
        for lock in self._several.iterdir() if self._several.is_dir() else ():
            with suppress(FileNotFoundError):  # somebody else does the same just now
                if not is_claimed(lock) and lock.read_bytes():  # else it has only just begun
                    self._forget(lock)

    def _forget(self, lock: Path) -> None:
        lock.unlink(missing_ok=True)
        self._socket_of(lock).unlink(missing_ok=True)

    def watch_over(self, lost: Callable[[], None]) -> None:
        """Call `lost` once the state directory is not ours any more: removed, or made anew."""
        inode = self._lock.stat().st_ino

        def look() -> None:
            while True:
                time.sleep(_WATCH_SECONDS)
                try:
                    if self._lock.stat().st_ino == inode:
                        continue
                except OSError:
                    pass
                lost()
                return

        Thread(target=look, daemon=True).start()

    @property
    def process_numbers(self) -> list[int]:
        """The numbers of the processes of all servers that run."""
        found = []
        for lock in self._living():
            with suppress(OSError, ValueError):
                found.append(int(lock.read_text(encoding="ascii")))
        return found

    def listen(self, woken: Callable[[], None]) -> None:
        """Call `woken` whenever somebody calls `wake`, in a thread that ends with this program."""
        path = self._socket_of(self._lock)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(path))

        def hear() -> None:
            while True:
                listener.recv(_MESSAGE_BYTES)
                woken()

        Thread(target=hear, daemon=True).start()

    def wake(self) -> None:
        """Tell all servers that run that something has changed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for lock in self._living():
                with suppress(OSError):
                    sender.sendto(b"look", str(self._socket_of(lock)))

    def start_in_background(self) -> None:
        """Start a server that outlives this program, with the same settings.

        Raises EngineError where it ends at once, with what it said.
        """
        command = [sys.executable, "-m", "herdbook", "serve"]
        # The server acts as itself, and keeps no token of whoever starts it.
        theirs = ["HERDBOOK_TOKEN"]
        if not process.start_alone(command, log=self.log, until=self.runs, without=theirs):
            raise EngineError("The server did not start", hint=f"Read what it said: {self.log}")
