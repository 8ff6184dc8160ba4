"""Tells whether it is time: hours of the day, that may go over midnight."""

from datetime import time


def is_within(now: time, begin: time, end: time) -> bool:
    """Tell whether a time of day lies between two, over midnight where the second is earlier."""
    return begin <= now < end if begin <= end else now >= begin or now < end
