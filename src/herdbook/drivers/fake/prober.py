"""Answers for the instances of a fake computer, at the time of its clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import NotFoundError
from herdbook.drivers.fake.computer import FakeComputer
from herdbook.drivers.probe_rhythm import Rhythm
from herdbook.fleet.probes import Answer, ProbeTarget

_NO_JITTER = 0.5


@dataclass
class _Asked:
    target: ProbeTarget
    rhythm: Rhythm
    next_at: float


class FakeProber:
    """Asks nobody: it knows what each instance would have answered since it was last asked.

    Nothing happens but in `follow` and `answers`, and so a whole fleet fits into one thread.
    """

    def __init__(self, computer: FakeComputer, scope: Path, clock: Clock) -> None:
        self._computer = computer
        self._scope = scope
        self._clock = clock
        self._asked: dict[str, _Asked] = {}

    def follow(self, targets: Sequence[ProbeTarget]) -> None:
        """Ask just these from now on; those that were asked before keep their rhythm."""
        now = self._clock.monotonic_seconds()
        before, self._asked = self._asked, {}
        for target in targets:
            asked = before.get(target.instance)
            if asked is None or asked.target != target:
                asked = _Asked(target, Rhythm(now), now)
            self._asked[target.instance] = asked

    def answers(self) -> list[Answer]:
        """Return what was answered since this was last asked, the oldest first."""
        now = self._clock.monotonic_seconds()
        answers = [answer for asked in self._asked.values() for answer in self._until(asked, now)]
        return sorted(answers, key=lambda answer: answer.at_seconds)

    def close(self) -> None:
        """Ask no more."""
        self._asked = {}

    def _until(self, asked: _Asked, now: float) -> list[Answer]:
        answers = []
        while asked.next_at <= now:
            at = asked.next_at
            complaint = self._complaint(asked.target.instance, at)
            answers.append(Answer(asked.target.instance, not complaint, at, complaint))
            asked.rhythm = asked.rhythm.answered(asked.target.probe, well=not complaint)
            asked.next_at = asked.rhythm.next_at(asked.target.probe, at, at, _NO_JITTER)
        return answers

    def _complaint(self, name: str, at_seconds: float) -> str:
        try:
            return self._computer.find(self._scope, name).complaint(at_seconds)
        except NotFoundError:
            return "It could not be reached: No route to host"
