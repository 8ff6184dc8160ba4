"""Signals are known by every name that images and Compose files have for them."""

import pytest

from herdbook.core.signals import signal_number


@pytest.mark.parametrize(
    ("name", "number"), [("SIGQUIT", 3), ("quit", 3), ("10", 10), ("SIGRTMIN+3", 37), ("sigint", 2)]
)
def test_signals_have_numbers(name: str, number: int) -> None:
    assert signal_number(name) == number


@pytest.mark.parametrize("name", ["", "SIGNONE", "0", "65", "SIGTERM+x", "SIGRTMIN+99", "²", "-1"])
def test_what_is_no_signal_has_none(name: str) -> None:
    assert signal_number(name) is None
