"""Knows signals by the names that images and Compose files have for them."""

import signal
from contextlib import suppress


def signal_number(name: str) -> int | None:
    """Return the number of a signal named as `SIGQUIT`, `QUIT`, `3` or `SIGRTMIN+3`.

    None for what is no signal.
    """
    number = int(name) if name.isdecimal() else _named(name.upper())
    return number if number is not None and 0 < number < signal.NSIG else None


def _named(name: str) -> int | None:
    base, _, more = name.partition("+")
    base = base if base.startswith("SIG") else f"SIG{base}"
    with suppress(KeyError, ValueError):
        return signal.Signals[base] + int(more or 0)
    return None
