"""Cuts long lists of values into such as every database takes in one question."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

_CHUNK = 500
Value = TypeVar("Value")


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """Yield the values, each once."""
    left = list(dict.fromkeys(values))
    return (left[start : start + _CHUNK] for start in range(0, len(left), _CHUNK))
