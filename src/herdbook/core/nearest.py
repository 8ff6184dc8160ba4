"""Finds the name a person probably meant."""

import difflib
from collections.abc import Iterable


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `wrong`, or None where nothing comes close."""
    matches = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def did_you_mean(wrong: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint that names the nearest known name, or `otherwise`."""
    match = nearest(wrong, known)
    return f"Did you mean {match!r}?" if match else otherwise
