"""Notices at once that processes of this machine end, by pidfd_open(2), whoever started them."""

import errno
import os
import select
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

from herdbook.core.clock import Clock
from herdbook.core.errors import EngineError
from herdbook.drivers.file_limit import has_room
from herdbook.drivers.process_identity import identify, is_alive
from herdbook.fleet.instances import RunningProcess

_LOOK_SECONDS = 0.2
_NOBODY = -1


class PidfdDeaths:
    """Has the kernel tell of the end of each process followed.

    A process costs one open file: where there are many, this program's own limit is raised as far
    as it may be, and processes beyond it are looked at every 0.2 s. One thread waits; any may
    follow and wake.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._epoll = select.epoll()
        self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._alarm, select.EPOLLIN)
        self._lock = Lock()
        self._woken = False
        self._followed: dict[str, RunningProcess] = {}
        self._descriptors: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._looked_at: set[str] = set()
        self._ended: set[str] = set()

    def follow(self, processes: Mapping[str, RunningProcess]) -> None:
        """Watch just these from now on; one that has ended before counts as ended now.

        One whose end was told already is not told again.
        """
        with self._lock:
            for name, process in list(self._followed.items()):
                if processes.get(name) != process:
                    self._forget(name)
            for name, process in processes.items():
                if name not in self._followed:
                    self._followed[name] = process
                    self._watch(name, process)
            self._alert()  # one who waits now may have more to look at, or to tell

    def wait(self, limit_seconds: float) -> set[str]:
        """Return whose processes have ended, once each; empty at the limit or after `wake`."""
        deadline = self._clock.monotonic_seconds() + limit_seconds
        while True:
            left = max(0.0, deadline - self._clock.monotonic_seconds())
            with self._lock:
                if self._ended:
                    left = 0.0
                elif self._looked_at:
                    left = min(left, _LOOK_SECONDS)
            events = self._epoll.poll(left)
            with self._lock:
                for descriptor, _ in events:
                    self._heard(descriptor)
                self._look()
                woken, self._woken = self._woken, False
                ended, self._ended = self._ended, set()
            if ended or woken or self._clock.monotonic_seconds() >= deadline:
                return ended

    def wake(self) -> None:
        """End a `wait` of another thread, or the next one."""
        with self._lock:
            self._woken = True
            self._alert()

    def close(self) -> None:
        """Watch no more."""
        with self._lock:
            for name in list(self._followed):
                self._forget(name)
            self._epoll.close()
            os.close(self._alarm)

    def _watch(self, name: str, process: RunningProcess) -> None:
        descriptor = self._open(process.number)
        if descriptor is None:
            self._looked_at.add(name)
            return
        self._looked_at.discard(name)
        if descriptor == _NOBODY or identify(process.number) != process:
            self._ended.add(name)
            if descriptor != _NOBODY:
                os.close(descriptor)
        else:
            self._descriptors[name] = descriptor
            self._names[descriptor] = name
            self._epoll.register(descriptor, select.EPOLLIN)

    def _open(self, number: int) -> int | None:
        """Return a descriptor of a process, _NOBODY if there is none; None for lack of room."""
        if not has_room(len(self._descriptors)):
            return None
        try:
            return os.pidfd_open(number)
        except ProcessLookupError:
            return _NOBODY
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                return None
            raise EngineError(f"Process {number} cannot be watched: {error}") from error

    def _heard(self, descriptor: int) -> None:
        if descriptor == self._alarm:
            with suppress(BlockingIOError):
                os.eventfd_read(self._alarm)
            return
        name = self._names.get(descriptor)
        # The number of a descriptor that was closed meanwhile may be another's now.
        if name is not None and _has_ended(descriptor):
            self._release(name)
            self._ended.add(name)

    def _look(self) -> None:
        for name in list(self._looked_at):
            process = self._followed[name]
            if not is_alive(process):
                self._looked_at.discard(name)
                self._ended.add(name)
            else:
                self._watch(name, process)

    def _alert(self) -> None:
        os.eventfd_write(self._alarm, 1)

    def _forget(self, name: str) -> None:
        del self._followed[name]
        self._looked_at.discard(name)
        self._ended.discard(name)
        self._release(name)

    def _release(self, name: str) -> None:
        descriptor = self._descriptors.pop(name, None)
        if descriptor is not None:
            del self._names[descriptor]
            self._epoll.unregister(descriptor)
            os.close(descriptor)


def _has_ended(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
