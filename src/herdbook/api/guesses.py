"""Counts wrong passwords, and says how long whoever gave them has to wait for the next try."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_FREE = 5
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 60.0
_MOST_KNOWN = 10_000
"""So many are remembered; beyond that, whoever was seen longest ago is forgotten."""

Guesser = tuple[str, str]
"""From which address, and as whom: nobody locks somebody else out by guessing in their name."""


@dataclass(frozen=True)
class _Tries:
    count: int
    last: float


class Guesses:
    """What was tried; `seconds` tells the time."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._known: OrderedDict[Guesser, _Tries] = OrderedDict()

    def wait_seconds(self, guesser: Guesser) -> float:
        """Return for how long nothing is tried any more: it doubles with each wrong password."""
        tries = self._known.get(guesser)
        if tries is None or tries.count < _FREE:
            return 0.0
        wait = min(math.ldexp(_FIRST_WAIT_SECONDS, tries.count - _FREE), _LONGEST_WAIT_SECONDS)
        return max(0.0, tries.last + wait - self._seconds())

    def was_wrong(self, guesser: Guesser) -> None:
        """Count a wrong password."""
        before = self._known.pop(guesser, None)
        self._known[guesser] = _Tries((before.count if before else 0) + 1, self._seconds())
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def was_right(self, guesser: Guesser) -> None:
        """Forget what was wrong before."""
        self._known.pop(guesser, None)
