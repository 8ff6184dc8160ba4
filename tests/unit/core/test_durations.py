"""Durations are read as people write them, and nothing else is taken for one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.durations import duration_of

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@given(number=some.integers(1, 999_999), unit=some.sampled_from(sorted(UNITS)))
def test_a_number_and_a_unit_are_a_duration(number: int, unit: str) -> None:
    assert duration_of(f"{number}{unit}") == timedelta(**{UNITS[unit]: number})


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "d", "0d", "07d", "-1d", "+1d", "1.5h", "1w", "7D", "7 d", " 7d", "7d ", "7d\n"),
        *("1d12h", "1000000s", "٣d", "²d", "7days"),
    ],
)
def test_anything_else_is_refused_with_what_can_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and s, m, h or d") as caught:
        duration_of(text)
    assert repr(text) in str(caught.value)
