"""Knows how many files this program may have open at once, and raises that where it may."""

import resource

SPARE_FILES = 256
"""How many of them whoever needs many leaves to all others."""


def file_limit() -> int:
    """Return how many files may be open now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def raise_file_limit() -> int:
    """Raise the limit as far as the machine lets this program; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
