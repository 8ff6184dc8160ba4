"""Reads what people say of a campaign's budget and checks: sizes, hours of the day, how much."""

import re
from datetime import time
from typing import TYPE_CHECKING

from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean

if TYPE_CHECKING:
    from herdbook.campaigns.model import Budget, Verify

_HOURS = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")


def budget_of(builds: int, most_bytes: str, hours: str) -> "Budget":
    """Return the budget that options ask for; raises InvalidInputError."""
    from herdbook.campaigns.model import Budget

    return Budget(builds=builds, most_bytes=bytes_of(most_bytes), hours=hours_of(hours))


def bytes_of(text: str) -> int | None:
    """Return what `10G` comes to, None for nothing; raises InvalidInputError."""
    from herdbook.recipes.model import size_in_bytes

    if not text:
        return None
    size = size_in_bytes(text)
    if not isinstance(size, int):
        raise InvalidInputError(f"--most-bytes {text!r} is not a size", hint="Write 500M or 10G.")
    if size < 1:
        raise InvalidInputError(
            f"--most-bytes {text!r} leaves nothing to work with",
            hint="Write 500M or 10G, or leave it out for no limit.",
        )
    return size


def hours_of(text: str) -> tuple[time, time] | None:
    """Return the two ends of `22:00-06:00`, None for nothing; raises InvalidInputError."""
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    if match is None:
        raise InvalidInputError(
            f"--hours {text!r} are no hours of the day",
            hint="Write two times in UTC: 22:00-06:00, or 09:30-17:00.",
        )
    begin, end = time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4]))
    if begin == end:
        raise InvalidInputError(
            f"--hours {text!r} end when they begin",
            hint="Leave --hours out for the whole day, or write 22:00-06:00.",
        )
    return begin, end


def verify_of(text: str) -> "Verify":
    """Return which rebases are checked; raises InvalidInputError for another word."""
    from herdbook.campaigns.model import Verify

    known = [each.value for each in Verify]
    if text not in known:
        raise InvalidInputError(
            f"--verify {text!r} is not what can be checked",
            hint=did_you_mean(text, known, f"Write {', '.join(known[:-1])} or {known[-1]}."),
        )
    return Verify(text)
