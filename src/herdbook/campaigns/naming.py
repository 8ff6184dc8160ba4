"""Names things in findings: a few by name, the rest by number."""

from collections.abc import Iterable

_NAMED = 3


def some(names: Iterable[str]) -> str:
    """Return the first few names in one phrase, and how many more there are."""
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
