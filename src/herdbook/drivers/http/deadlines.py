"""Ends what a server of elsewhere drags on: its connection is shut once it has taken too long."""

import socket
from contextlib import suppress
from threading import Lock, Timer
from types import TracebackType
from typing import Self

from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """Shuts what is connected within it when its seconds have passed.

    A limit for each read alone would let a server that says one letter at a time go on for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = Timer(seconds, self._pass)
        self._timer.daemon = True
        self._lock = Lock()
        self._open: list[socket.socket] = []
        self.has_passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._open.clear()

    def watch(self, manager: PoolManager) -> None:
        """Have it hold for all that a manager of connections connects from now on."""
        watch = self._watch

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                watch(self.sock)

        class Secret(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                watch(self.sock)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecretPool(HTTPSConnectionPool):
            ConnectionCls = Secret

        manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecretPool}

    def _watch(self, opened: socket.socket) -> None:
        with self._lock:
            self._open.append(opened)
            if self.has_passed:
                _shut(opened)

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            for each in self._open:
                _shut(each)


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        # Not TLS' own, after which whoever reads would believe what comes in the clear.
        bare = getattr(opened, "socket", opened)  # of what is TLS within that of a proxy
        socket.socket.shutdown(bare, socket.SHUT_RDWR)
