"""Judges new instances by what came through the same doors at the same time as the old ones."""

import math
from dataclasses import dataclass
from enum import StrEnum

_FEWEST_REQUESTS = 20
"""With fewer answers than that, nothing good is said of the new ones."""

_SURE = 0.01
"""How unlikely a difference must be to be taken for one (one-sided)."""

_FEWEST_FAILED = 5
_BEYOND_DOUBT = 0.001
"""So many failures that are so unlikely are enough, of however few answers."""

_FEWEST_TIMED = 100
"""The mean of fewer answers than that, the first and slowest among them, says nothing."""

_SLOWER = 3.0
_SLOWER_BY_MILLISECONDS = 50.0
"""New instances are too slow where both hold: three times the old ones' mean, and 50 ms more."""


@dataclass(frozen=True)
class Counts:
    """What a group of members did in a time; `response_milliseconds` is their mean."""

    requests: int = 0
    failed: int = 0
    response_milliseconds: float = 0.0


@dataclass(frozen=True)
class Share:
    """The new members of a component beside the old ones."""

    new: Counts = Counts()
    old: Counts = Counts()


class Verdict(StrEnum):
    """What was found: too little was seen for anything, or enough."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Judgement:
    """A verdict with what it rests on, in words."""

    verdict: Verdict
    reason: str


def judge(share: Share) -> Judgement:
    """Compare new members with old ones.

    Failures are compared by Fisher's exact test, one-sided: how likely is it that the new ones
    failed so often by chance, were both equally good?
    """
    new, old = share.new, share.old
    chance = fisher(new.failed, new.requests, old.failed, old.requests)
    few = new.requests < _FEWEST_REQUESTS
    if few and not (new.failed >= _FEWEST_FAILED and chance < _BEYOND_DOUBT):
        return Judgement(Verdict.UNKNOWN, f"only {new.requests} requests reached the new ones")
    told = f"{_percent(new)} of the new ones' answers failed, {_percent(old)} of the old ones'"
    if new.failed and chance < _SURE:
        return Judgement(Verdict.BAD, told)
    slow = new.response_milliseconds
    usual = old.response_milliseconds
    if min(new.requests, old.requests) >= _FEWEST_TIMED and slow > max(
        _SLOWER * usual, usual + _SLOWER_BY_MILLISECONDS
    ):
        return Judgement(
            Verdict.BAD, f"the new ones answer in {slow:.0f} ms, the old ones in {usual:.0f} ms"
        )
    return Judgement(Verdict.GOOD, told)


def fisher(new_failed: int, new: int, old_failed: int, old: int) -> float:
    """Return the chance that at least so many of the new ones failed, were all equally good.

    The upper tail of the hypergeometric distribution. Where there are no old ones, they are
    taken to have answered a hundred requests without a failure.
    """
    if not old:
        old_failed, old = 0, 100
    failed, total = new_failed + old_failed, new + old
    most = min(failed, new)
    whole = _log_choose(total, new)
    return sum(
        math.exp(_log_choose(failed, each) + _log_choose(total - failed, new - each) - whole)
        for each in range(new_failed, most + 1)
        if new - each <= total - failed
    )


def _log_choose(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)


def _percent(counts: Counts) -> str:
    return f"{100 * counts.failed / counts.requests:.1f} %" if counts.requests else "none"
