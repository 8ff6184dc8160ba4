"""What befalls instances of a fake computer by themselves, and a program that works on it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Behaviour:
    """How an instance fares, in seconds from its start.

    With `refusal` it does not start. It is well after `well_after_seconds`, hangs after
    `hangs_after_seconds` (it lives, and does not answer), and dies after `dies_after_seconds`
    for `death_reason`, or as it should if that is empty.
    """

    refusal: str = ""
    well_after_seconds: float = 0.0
    hangs_after_seconds: float = float("inf")
    dies_after_seconds: float = float("inf")
    death_reason: str = "The service ended with status 1"


@dataclass(frozen=True)
class Act:
    """Something that a program does to its drivers: `what` to whom."""

    what: str
    name: str
    moment: str
    """Either `before` or `after` it is done."""


class CrashAt:
    """Hears of acts, and raises what `crash` makes when it hears of the `nth`, from 1.

    It counts on: whoever goes on after the crash meets no other.
    """

    def __init__(self, nth: int, crash: Callable[[], BaseException]) -> None:
        self._nth = nth
        self._crash = crash
        self.acts: list[Act] = []

    def __call__(self, act: Act) -> None:
        """Take note of what is done, or raise."""
        self.acts.append(act)
        if len(self.acts) == self._nth:
            raise self._crash()
