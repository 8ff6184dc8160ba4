"""Reads durations as people write them for Herdbook's own options: 30m, 6h, 7d."""

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")


def duration_of(text: str) -> timedelta:
    """Return what `30m` or `6h` comes to; raises ValueError with what can be written."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: write a number and s, m, h or d, as 30m or 6h")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
