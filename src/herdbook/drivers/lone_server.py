"""Sees to it that one server at a time tends a state directory, and wakes it from outside."""

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
        self._lock = self._state_directory / "server.lock"
        name = digests.short(digests.of_bytes(str(self._state_directory).encode()))
        self._socket = runtime_directory() / f"server-{name}.sock"

    @property
    def log(self) -> Path:
        """Where a server that was started in the background writes what it does."""
        return self._state_directory / "server.log"

    def runs(self) -> bool:
        """Tell whether a server tends this state directory."""
        return is_claimed(self._lock)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the server until the block ends; raises ConflictError where there is another."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
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
    def process_number(self) -> int | None:
        """The number of the server's process; None where none runs."""
        if not self.runs():
            return None
        with suppress(OSError, ValueError):
            return int(self._lock.read_text(encoding="ascii"))
        return None

    def listen(self, woken: Callable[[], None]) -> None:
        """Call `woken` whenever somebody calls `wake`, in a thread that ends with this program."""
        self._socket.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(self._socket))

        def hear() -> None:
            while True:
                listener.recv(_MESSAGE_BYTES)
                woken()

        Thread(target=hear, daemon=True).start()

    def wake(self) -> None:
        """Tell the server, if one runs, that something has changed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with suppress(OSError):
                sender.sendto(b"look", str(self._socket))

    def start_in_background(self) -> None:
        """Start a server that outlives this program, with the same settings.

        Raises EngineError where it ends at once, with what it said.
        """
        command = [sys.executable, "-m", "herdbook", "serve"]
        if not process.start_alone(command, log=self.log, until=self.runs):
            raise EngineError("The server did not start", hint=f"Read what it said: {self.log}")
