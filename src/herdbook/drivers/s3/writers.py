"""Lets one program at a time write at a place in a bucket, on whatever machine it runs.

S3 has no locks, and not all stores have conditional writes. So a writer puts an object with a name
of its own, its mark, and lists all marks: where there is no other one it may write, else it takes
its own back, and tries again. Of two, at least one sees the other's. A mark is put again and again
while its writer lives; one that is old by the store's own clock is nobody's.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

from herdbook.core import digests
from herdbook.core.errors import ConflictError, HerdbookError, NetworkError
from herdbook.core.whole_files import alone_with, kept_whole
from herdbook.drivers.s3.connection import Connection, Patience

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MARK_FILE = "mark"
_LOCK_FILE = "lock"
_END_SECONDS = 1.0
"""Longer than that a request is under way that nothing comes of."""


@dataclass(frozen=True)
class Lease:
    """How long signs of life count, in seconds.

    A mark is put anew after `renewed`. A writer that could not do so for `trusted` stops, and
    another one's that is older than `stale` is taken away: between the two the last request of the
    former may still be under way. `again` is after how long who waits looks again.
    """

    renewed: float = 20.0
    trusted: float = 90.0
    stale: float = 90.0 + Patience().longest_seconds + 45.0
    again: float = 2.0


class Writers:
    """The writers at one place; `top` is where their marks are, `where` the place for people."""

    def __init__(
        self, connection: Connection, top: str, where: str, folder: Path, lease: Lease
    ) -> None:
        self._connection = connection
        self._top = top
        self._where = where
        # Of its own for each place: who writes to one need not wait for another.
        self._folder = folder / digests.short(digests.of_bytes(where.encode()))
        self._lease = lease
        self._until: float | None = None

    def require(self) -> None:
        """Raise ConflictError where this writer was cut off for so long that others may write."""
        if self._until is not None and _seconds() > self._until:
            raise ConflictError(
                f"This program was cut off from {self._where} for too long: others may write there",
                hint="Nothing is lost that was there. Run the same command again.",
            )

    @contextmanager
    def alone(self, waits: Callable[[], None]) -> Iterator[None]:
        """Be the only writer until the block ends; what `waits` raises ends the wait for others."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with alone_with(self._folder / _LOCK_FILE, waits):
            machine = self._machine()
            key = f"{self._top}{machine}-{secrets.token_hex(4)}"
            self._until = self._enter(key, machine, waits)
            ended = Event()
            thread = Thread(target=self._renew, args=(key, ended), daemon=True)
            thread.start()
            is_reached = True
            try:
                yield
            except NetworkError:
                is_reached = False
                raise
            finally:
                ended.set()
                thread.join(_END_SECONDS)
                self._until = None
                if is_reached:  # else nobody waits for it once more: the mark grows old
                    self._withdraw(key)

    def _machine(self) -> str:
        """Return what all writers share that wait for each other in the folder.

        Where a mark of these is found by one of them, its writer is dead. After a start of the
        machine it is another one, as it is on a copy of this machine.
        """
        own = kept_whole(self._folder / _MARK_FILE, lambda: secrets.token_bytes(16))
        return digests.short(digests.of_bytes(own + _BOOT.read_bytes()))

    def _enter(self, key: str, machine: str, waits: Callable[[], None]) -> float:
        """Wait until nobody else writes; return until when that is certain."""
        while True:
            began = _seconds()
            try:
                self._connection.put(key, b"")
                is_alone = not self._others(key, machine)
            except HerdbookError:
                self._withdraw(key)
                raise
            if is_alone:
                return began + self._lease.trusted
            self._withdraw(key)
            waits()
            time.sleep(self._lease.again * random.uniform(0.5, 1.5))  # noqa: S311 - to part two

    def _withdraw(self, key: str) -> None:
        with suppress(HerdbookError):
            self._connection.delete(key)

    def _others(self, own: str, machine: str) -> list[str]:
        """Return the marks of those who live, and take away the others."""
        marks = dict(self._connection.list(self._top))
        if own not in marks:
            raise NetworkError(
                f"{self._where} does not list what was just put there",
                hint="Backups need a store that lists what it has: ask who runs it.",
            )
        oldest = marks.pop(own) - timedelta(seconds=self._lease.stale)
        living = []
        for key, put_at in marks.items():
            if key.startswith(f"{self._top}{machine}-") or put_at < oldest:
                self._connection.delete(key)
            else:
                living.append(key)
        return living

    def _renew(self, key: str, ended: Event) -> None:
        """Put the mark again and again; what has run out is not brought to life again."""
        while not ended.wait(self._lease.renewed):
            began = _seconds()
            if self._until is None or began > self._until:
                return
            with suppress(HerdbookError):  # the next one may come through
                self._connection.put(key, b"")
                if ended.is_set():  # it came through after its writer had gone
                    self._withdraw(key)
                    return
                self._until = began + self._lease.trusted


def _seconds() -> float:
    """Return seconds that only grow, also while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
