"""Lets threads take turns at work of one name, so that the second finds what the first has made."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turns:
    """Locks by name, each there for as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._locks: dict[str, Lock] = {}
        self._interested: Counter[str] = Counter()

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Wait until nobody else has this name's turn, and have it until the block ends."""
        with self._mutex:
            lock = self._locks.setdefault(name, Lock())
            self._interested[name] += 1
        try:
            with lock:
                yield
        finally:
            with self._mutex:
                self._interested[name] -= 1
                if not self._interested[name]:
                    del self._interested[name], self._locks[name]
