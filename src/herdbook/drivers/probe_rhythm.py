"""Decides when an instance is asked next: often while it starts, and never all at once."""

from dataclasses import dataclass, replace

from herdbook.fleet.probes import Probe

_SPREAD = 0.1
"""By how much an interval is longer or shorter than it should be, at most."""

_APART_SECONDS = 0.0005
"""How far apart instances are asked for the first time that come together."""


@dataclass(frozen=True)
class Rhythm:
    """Since when an instance is asked, and whether it has ever been well; monotonic seconds.

    `good` is how many answers in a row were good, until it was well.
    """

    since: float
    was_well: bool = False
    good: int = 0

    def answered(self, probe: Probe, *, well: bool) -> "Rhythm":
        """Return the rhythm after an answer."""
        if self.was_well:
            return self
        good = self.good + 1 if well else 0
        return replace(self, good=good, was_well=good >= probe.rise)

    def interval(self, probe: Probe, now: float) -> float:
        """Return how many seconds lie between two questions now."""
        starting = not self.was_well and now < self.since + probe.start_period_seconds
        return probe.start_interval_seconds if starting else probe.interval_seconds

    def next_at(self, probe: Probe, asked_at: float, now: float, chance: float) -> float:
        """Return when to ask again after the question of `asked_at`; `chance` is in 0 to 1."""
        interval = self.interval(probe, asked_at) * (1 + _SPREAD * (2 * chance - 1))
        return max(now, asked_at + interval)


def first_at(probe: Probe, now: float, newcomers: int, chance: float) -> float:
    """Return when one of so many newcomers is asked first: a single one at once."""
    return now + min(probe.interval_seconds, (newcomers - 1) * _APART_SECONDS) * chance
