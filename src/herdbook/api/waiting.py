"""Counts who waits while passwords are checked one after the other, so that nobody fills that."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from herdbook.api.guesses import Guesser

_MOST = 16
_MOST_OF_ONE_ADDRESS = 3
"""One of which is checked, so that two wait."""


class Waiting:
    """Who waits, by address and name: many who come as the same one are done with by one check."""

    def __init__(self) -> None:
        self._waiting: Counter[Guesser] = Counter()

    def has_room(self, guesser: Guesser) -> bool:
        """Tell whether somebody may wait, as others from their address and elsewhere do."""
        others = self._waiting.keys() - {guesser}
        near = [each for each in others if each[0] == guesser[0]]
        return len(others) < _MOST and len(near) < _MOST_OF_ONE_ADDRESS

    @contextmanager
    def place(self, guesser: Guesser) -> Iterator[None]:
        """Count somebody until the block ends."""
        self._waiting[guesser] += 1
        try:
            yield
        finally:
            self._waiting[guesser] -= 1
            self._waiting += Counter()  # leaves out who does not wait any more
