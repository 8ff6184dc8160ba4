"""Asks each instance in its rhythm, and gives up on those that do not answer in time."""

import heapq
import random
import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from herdbook.core.clock import Clock
from herdbook.drivers.file_limit import has_room
from herdbook.drivers.probe_rhythm import Rhythm, first_at
from herdbook.drivers.probes.commands import Commands
from herdbook.drivers.probes.exchanges import Exchange
from herdbook.fleet.probes import Answer, ProbeKind, ProbeTarget

_LATER_SECONDS = 0.1


@dataclass
class _Asked:
    """One instance; `turn` is what it waits for: a moment to be asked at, or an answer."""

    target: ProbeTarget
    rhythm: Rhythm
    turn: int = 0
    asked_at: float = 0.0
    exchange: Exchange | None = None


class Asking:
    """All instances that are asked, and what is under way. Belongs to one thread."""

    def __init__(
        self,
        clock: Clock,
        epoll: select.epoll,
        commands: Commands,
        note: Callable[[Answer], None],
    ) -> None:
        self._clock = clock
        self._epoll = epoll
        self._commands = commands
        self._note = note
        self._turns = count(1)
        self._asked: dict[str, _Asked] = {}
        self._listening: dict[int, _Asked] = {}
        self._agenda: list[tuple[float, int, str]] = []
        self._running: dict[int, str] = {}

    def follow(self, targets: Sequence[ProbeTarget]) -> None:
        """Ask just these from now on; a target that is the same keeps its rhythm."""
        wanted = {target.instance: target for target in targets}
        for name, asked in list(self._asked.items()):
            if wanted.get(name) != asked.target:
                self._drop(asked)
        now = self._clock.monotonic_seconds()
        newcomers = [target for name, target in wanted.items() if name not in self._asked]
        for target in newcomers:
            asked = self._asked[target.instance] = _Asked(target, Rhythm(now))
            first = first_at(target.probe, now, len(newcomers), random.random())  # noqa: S311
            self._plan(asked, first)

    def act(self) -> float | None:
        """Do all that is due; return the seconds until there is more to do, None for never."""
        for turn, complaint in self._commands.outcomes():
            asked = self._asked.get(self._running.pop(turn))
            if asked is not None and asked.turn == turn:
                self._finish(asked, complaint)
        while self._agenda:
            at, turn, name = self._agenda[0]
            left = at - self._clock.monotonic_seconds()
            if left > 0:
                return left
            heapq.heappop(self._agenda)
            due = self._asked.get(name)
            if due is not None and due.turn == turn:
                self._due(due)
        return None

    def hear(self, descriptor: int) -> None:
        """Go on with what the kernel has something to say about."""
        asked = self._listening.get(descriptor)
        if asked is None or asked.exchange is None:
            return
        asked.exchange.step()
        if asked.exchange.complaint is not None:
            self._finish(asked, asked.exchange.complaint)

    def close(self) -> None:
        """Ask nobody any more."""
        self.follow(())

    def _due(self, asked: _Asked) -> None:
        if asked.exchange is None:
            self._ask(asked)
        else:
            asked.exchange.give_up(asked.target.probe.timeout_seconds)
            self._finish(asked, asked.exchange.complaint or "")

    def _ask(self, asked: _Asked) -> None:
        now = asked.asked_at = self._clock.monotonic_seconds()
        if asked.target.probe.kind is ProbeKind.COMMAND:
            asked.turn = next(self._turns)
            self._running[asked.turn] = asked.target.instance
            self._commands.submit(asked.turn, asked.target)
            return
        exchange = self._exchange(asked.target)
        if exchange is None:
            self._plan(asked, now + _LATER_SECONDS)
            return
        asked.exchange = exchange
        if exchange.complaint is not None:
            self._finish(asked, exchange.complaint)
            return
        said = select.EPOLLIN if exchange.connected else select.EPOLLIN | select.EPOLLOUT
        self._listening[exchange.fileno()] = asked
        self._epoll.register(exchange.fileno(), said | select.EPOLLET)
        self._plan(asked, now + asked.target.probe.timeout_seconds)

    def _exchange(self, target: ProbeTarget) -> Exchange | None:
        """Begin to ask; None where this machine has no room for one more connection now."""
        if not has_room(len(self._listening)):
            return None
        try:
            return Exchange(target)
        except OSError:  # all others have taken what was left
            return None

    def _finish(self, asked: _Asked, complaint: str | None) -> None:
        """Note an answer, unless it is None: nobody was asked; and plan when to ask again."""
        self._hang_up(asked)
        now = self._clock.monotonic_seconds()
        target = asked.target
        if complaint is not None:
            self._note(Answer(target.instance, not complaint, now, complaint))
            asked.rhythm = asked.rhythm.answered(target.probe, well=not complaint)
        chance = random.random()  # noqa: S311 - nobody is to guess nothing from it
        self._plan(asked, asked.rhythm.next_at(target.probe, asked.asked_at, now, chance))

    def _plan(self, asked: _Asked, at: float) -> None:
        asked.turn = next(self._turns)
        heapq.heappush(self._agenda, (at, asked.turn, asked.target.instance))

    def _hang_up(self, asked: _Asked) -> None:
        if asked.exchange is not None:
            self._listening.pop(asked.exchange.fileno(), None)
            asked.exchange.close()
            asked.exchange = None

    def _drop(self, asked: _Asked) -> None:
        self._hang_up(asked)
        del self._asked[asked.target.instance]
