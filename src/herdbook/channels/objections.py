"""What speaks against a promotion, and what would help."""

from collections.abc import Sequence
from dataclasses import dataclass

_SHOWN = 3


@dataclass(frozen=True)
class Objection:
    """What speaks against a promotion, and what would help."""

    gate: str
    words: str
    remedy: str


def some(told: Sequence[str]) -> str:
    """Return a few of many, and how many there are more."""
    shown = ", ".join(told[:_SHOWN])
    return shown + (f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")
