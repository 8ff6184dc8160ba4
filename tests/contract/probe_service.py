"""A service under test that answers probes as it is told: well, unwell, late, or nonsense."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class ProbeService:
    """Gives every connection the same answer, and notes what it was asked and when."""

    def __init__(self, answer: Callable[[socket.socket], None] | bytes = OK) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.asked_at: list[float] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on."""
        if not self._closed.is_set():
            self._closed.set()
            socket.create_connection(("127.0.0.1", self.port)).close()
            for thread in (self._accepting, *self._threads):
                thread.join()
            self._socket.close()

    def hang(self, connection: socket.socket) -> None:
        """An answer that never comes."""
        connection.settimeout(0.1)
        while not self._closed.is_set():
            try:
                if not connection.recv(100):
                    return
            except TimeoutError:
                continue

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._closed.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        self.asked_at.append(time.monotonic())
        with connection:
            try:
                connection.settimeout(2)
                self.requests.append(connection.recv(4096))
                if isinstance(self.answer, bytes):
                    connection.sendall(self.answer)
                else:
                    self.answer(connection)
            except OSError:
                return
