"""Asks many instances side by side, in one thread that waits for all of them."""

import os
import select
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock, Thread

from herdbook.core.clock import Clock
from herdbook.drivers.probes.asking import Asking
from herdbook.drivers.probes.commands import Commands, Execute
from herdbook.fleet.probes import Answer, ProbeTarget


class HostProber:
    """Asks instances from this machine: over the network itself, commands by `execute`.

    Answers carry monotonic seconds of the `clock`, which must be this machine's.
    """

    def __init__(self, clock: Clock, execute: Execute) -> None:
        self._lock = Lock()
        self._answers: list[Answer] = []
        self._targets: Sequence[ProbeTarget] | None = None
        self._closed = False
        self._alarm = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._alarm, select.EPOLLIN)
        self._commands = Commands(execute, self._alert)
        self._asking = Asking(clock, self._epoll, self._commands, self._note)
        self._thread = Thread(target=self._run, name="prober", daemon=True)
        self._thread.start()

    def follow(self, targets: Sequence[ProbeTarget]) -> None:
        """Ask just these from now on; those that were asked before keep their rhythm."""
        with self._lock:
            self._targets = tuple(targets)
        self._alert()

    def answers(self) -> list[Answer]:
        """Return what was answered since this was last asked, the oldest first."""
        with self._lock:
            answers, self._answers = self._answers, []
        return answers

    def close(self) -> None:
        """Ask no more; waits for commands that are under way."""
        if self._closed:
            return
        self._closed = True
        self._alert()
        self._thread.join()
        self._commands.close()
        self._epoll.close()
        os.close(self._alarm)

    def _run(self) -> None:
        while not self._closed:
            with self._lock:
                targets, self._targets = self._targets, None
            if targets is not None:
                self._asking.follow(targets)
            for descriptor, _ in self._epoll.poll(self._asking.act()):
                if descriptor == self._alarm:
                    with suppress(BlockingIOError):
                        os.eventfd_read(self._alarm)
                else:
                    self._asking.hear(descriptor)
        self._asking.close()

    def _note(self, answer: Answer) -> None:
        with self._lock:
            self._answers.append(answer)

    def _alert(self) -> None:
        os.eventfd_write(self._alarm, 1)
