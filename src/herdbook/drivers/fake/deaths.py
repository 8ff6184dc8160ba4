"""Notices that processes of a fake computer have ended, at the time of its clock."""

from collections.abc import Mapping

from herdbook.core.clock import Clock
from herdbook.drivers.fake.computer import FakeComputer
from herdbook.fleet.instances import RunningProcess

_PAUSE_SECONDS = 0.05


class FakeDeaths:
    """Looks at a computer instead of waiting for a kernel.

    With a clock that stands still, `wait` moves it to the next death, or to its limit, in steps of
    `pause_seconds`; with a real one it looks that often.
    """

    def __init__(
        self, computer: FakeComputer, clock: Clock, pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._computer = computer
        self._clock = clock
        self._pause_seconds = pause_seconds
        self._followed: dict[str, RunningProcess] = {}
        self._told: dict[str, RunningProcess] = {}
        self._woken = False

    def follow(self, processes: Mapping[str, RunningProcess]) -> None:
        """Watch just these from now on."""
        self._followed = dict(processes)
        self._told = {
            name: process for name, process in self._told.items() if processes.get(name) == process
        }

    def wait(self, limit_seconds: float) -> set[str]:
        """Return the instances whose processes have ended, once each; wait for the first one."""
        deadline = self._clock.monotonic_seconds() + limit_seconds
        while True:
            now = self._clock.monotonic_seconds()
            coming = self._computer.pass_time(now)
            ended = self._ended()
            if ended or self._woken or now >= deadline:
                self._woken = False
                return ended
            self._clock.sleep(min(deadline - now, coming - now, self._pause_seconds))

    def wake(self) -> None:
        """End a `wait` of another thread, or the next one."""
        self._woken = True

    def close(self) -> None:
        """Watch no more."""
        self.follow({})

    def _ended(self) -> set[str]:
        ended = {
            name: process
            for name, process in self._followed.items()
            if name not in self._told and not self._computer.lives(process)
        }
        self._told.update(ended)
        return set(ended)
