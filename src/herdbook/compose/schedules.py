"""Checks when something is to happen: a cron line of five fields, or a duration."""

import re
from collections.abc import Sequence

from herdbook.compose.units import seconds_of

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_LONGEST_SECONDS = 366 * 24 * 3600
_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")


def checked_schedule(value: object) -> str:
    """Return a schedule as written: `0 3 * * *`, or a duration such as `24h`; raises ValueError."""
    text = value.strip() if isinstance(value, str) else ""
    fields = text.split()
    if len(fields) == len(_FIELDS):
        _check_cron(fields)
    elif not text or " " in text or not 0 < seconds_of(text) <= _LONGEST_SECONDS:
        raise ValueError("is a cron line of five fields, or a duration of up to a year, as 24h")
    return text


def _check_cron(fields: Sequence[str]) -> None:
    for written, (name, low, high) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high) for part in written.split(",")):
            raise ValueError(f"{written!r} is no {name} of a cron line ({low} to {high})")


def _is_part(part: str, low: int, high: int) -> bool:
    match = _PART.fullmatch(part)
    if match is None:
        return False
    first = int(match[1] or low)
    last = int(match[2] or match[1] or high)
    return low <= first <= last <= high and match[3] not in ("0", "00")
