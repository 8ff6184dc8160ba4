"""A misspelt name leads to the one that was meant."""

import pytest

from herdbook.core.nearest import did_you_mean, nearest

KNOWN = ["packages", "python", "files", "service"]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("package", "packages"), ("pyton", "python"), ("file", "files"), ("servcie", "service")],
)
def test_the_nearest_name_is_found(wrong: str, meant: str) -> None:
    assert nearest(wrong, KNOWN) == meant
    assert did_you_mean(wrong, KNOWN) == f"Did you mean {meant!r}?"


def test_what_is_like_nothing_known_is_not_guessed() -> None:
    assert nearest("xyz", KNOWN) is None
    assert nearest("file", []) is None
    assert did_you_mean("xyz", KNOWN, "Look it up.") == "Look it up."
    assert did_you_mean("xyz", iter(KNOWN)) == ""
