"""Somebody answers for a finding until a day, a year ahead at most, and then it counts again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.channels.exceptions import (
    LONGEST,
    GateException,
    check_exception,
    covering,
    envelope_of,
    exception_statement,
)
from herdbook.core.errors import InvalidInputError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
ONE = GateException(1, "CVE-2026-1", "shop/*", "ann", LATER, "no way in", "bob", NOW)


@given(some.integers(min_value=-5, max_value=5))
def test_it_holds_until_that_moment_and_not_a_second_longer(late: int) -> None:
    assert ONE.holds(LATER + timedelta(seconds=late)) is (late < 0)


def test_what_was_ended_holds_no_more() -> None:
    assert not replace(ONE, ended_at=NOW, ended_by="ann").holds(NOW)


@pytest.mark.parametrize("owner", ["", "  ", "ann\n", "a" * 101])
def test_somebody_has_to_answer_for_it(owner: str) -> None:
    with pytest.raises(InvalidInputError, match="--owner"):
        check_exception(replace(ONE, owner=owner))


@pytest.mark.parametrize("wrong", [replace(ONE, name=""), replace(ONE, images=" ")])
def test_it_is_about_something(wrong: GateException) -> None:
    with pytest.raises(InvalidInputError):
        check_exception(wrong)


def test_it_ends_within_a_year_and_not_before_it_begins() -> None:
    assert check_exception(replace(ONE, until=NOW + LONGEST)).until == NOW + timedelta(days=365)
    for until in (NOW + LONGEST + timedelta(seconds=1), NOW, NOW - timedelta(days=1)):
        with pytest.raises(InvalidInputError) as caught:
            check_exception(replace(ONE, until=until))
        assert caught.value.hint


def test_it_is_for_images_whose_names_fit() -> None:
    assert ONE.fits("shop/web")
    assert not ONE.fits("shopping/web")


def test_it_covers_a_finding_of_its_name_in_its_component_or_in_any() -> None:
    inside = replace(ONE, component="openssl")
    assert covering([ONE], "cve-2026-1", "curl") == ONE
    assert covering([ONE], "CVE-2026-10", "curl") is None
    assert covering([inside], "CVE-2026-1", "openssl") == inside
    assert covering([inside], "CVE-2026-1", "libopenssl") is None


def test_of_several_the_one_that_holds_the_longest_is_told() -> None:
    longer = replace(ONE, number=2, until=LATER + timedelta(days=1))
    same = replace(longer, number=3)
    assert covering([ONE, longer, same], "CVE-2026-1", "curl") == longer


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"name": "CVE-2"},
        {"images": "*"},
        {"owner": "carl"},
        {"until": LATER + timedelta(seconds=1)},
        {"why": "x"},
        {"who": "carl"},
        {"at": NOW - timedelta(seconds=1)},
        {"component": "curl"},
    ],
)
def test_all_of_it_is_signed(change: dict[str, object]) -> None:
    changed = replace(ONE, **change)  # type: ignore[arg-type]  # of whichever field it is
    assert exception_statement(changed) != exception_statement(ONE)


def test_what_nobody_signed_has_no_envelope() -> None:
    assert envelope_of(ONE) is None
