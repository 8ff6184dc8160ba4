"""A revocation forbids what its levels say, from their dates on, and is inherited unless not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.channels.model import Assignment, Level, Made, Revocation
from herdbook.channels.revoking import forbidding, in_words, meant
from herdbook.core.digests import EMPTY

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WEB, PYTHON, BASE = ("shop/web", 3), ("python", 2), ("base", 7)
LINEAGE = (WEB, PYTHON, BASE)
ALL = dict.fromkeys(Level, NOW)


def revocation(
    made: Made = WEB,
    since: dict[Level, datetime] | None = None,
    *,
    inherited: bool = True,
    reason: str = "it leaks",
) -> Revocation:
    levels = ALL if since is None else since
    return Revocation(*made, NOW, "bob", reason, levels, inherited)


def found(
    *revocations: Revocation,
    level: Level = Level.RELEASES,
    now: datetime = NOW,
    lineage: Sequence[Made] = LINEAGE,
) -> Revocation | None:
    known = {(each.image, each.version): each for each in revocations}
    return forbidding(known, lineage, level, now)


def test_what_nobody_revoked_is_not_forbidden() -> None:
    other = revocation(("shop/web", 4))
    assert not any(found(other, level=level) for level in Level)
    assert found() is None


@pytest.mark.parametrize(
    "levels", [each for many in range(5) for each in combinations(Level, many)], ids=str
)
def test_each_level_is_forbidden_by_itself_and_includes_no_other(levels: tuple[Level, ...]) -> None:
    bad = revocation(since=dict.fromkeys(levels, NOW))
    assert {level for level in Level if found(bad, level=level)} == set(levels)


def test_a_level_holds_from_its_own_date_on_and_for_ever() -> None:
    bad = revocation(since={Level.RELEASES: NOW, Level.RUNNING: NOW + timedelta(days=30)})
    assert found(bad, now=NOW - SECOND) is None
    assert found(bad, now=NOW) == bad
    assert found(bad, level=Level.RUNNING, now=NOW + timedelta(days=30) - SECOND) is None
    assert found(bad, level=Level.RUNNING, now=NOW + timedelta(days=30)) == bad
    assert found(bad, now=NOW + timedelta(days=36500)) == bad


@pytest.mark.parametrize("made", LINEAGE)
def test_what_was_made_from_a_revoked_version_is_forbidden_however_far(made: Made) -> None:
    assert found(revocation(made)) == revocation(made)


def test_a_revocation_that_is_not_inherited_is_for_the_version_alone() -> None:
    assert found(revocation(WEB, inherited=False)) == revocation(WEB, inherited=False)
    assert found(revocation(PYTHON, inherited=False)) is None
    assert found(revocation(BASE, inherited=False)) is None


def test_a_version_is_not_forbidden_by_what_was_made_from_it() -> None:
    assert found(revocation(WEB), lineage=(PYTHON, BASE)) is None


def test_of_several_the_nearest_that_forbids_is_told() -> None:
    near, far = revocation(PYTHON), revocation(BASE)
    assert found(far, near) == near
    later = revocation(WEB, {Level.RELEASES: NOW + SECOND})
    alone = revocation(PYTHON, inherited=False)
    assert found(later, alone, far) == far
    assert found(revocation(WEB, {Level.BUILDS: NOW}), far) == far


def test_it_is_said_what_is_revoked_and_why() -> None:
    assert in_words(WEB, revocation()) == "shop/web:3 is revoked: it leaks"
    assert in_words(WEB, revocation(BASE)) == (
        "shop/web:3 is made from base:7, which is revoked: it leaks"
    )
    same_image = revocation(("shop/web", 2))
    assert in_words(WEB, same_image).startswith("shop/web:3 is made from shop/web:2")


def history(*versions: int) -> list[Assignment]:
    """Return a channel's history, the newest first."""
    return [
        Assignment("shop/web", "production", len(versions) - index, version, EMPTY, NOW, "ann")
        for index, version in enumerate(versions)
    ]


def meant_without(bad: set[int], *versions: int) -> int | None:
    newest = meant(history(*versions), lambda each: each.version in bad)
    return newest.version if newest else None


def test_a_channel_means_its_newest_version() -> None:
    assert meant_without(set(), 3, 2, 1) == 3


def test_it_falls_back_where_that_is_forbidden_and_comes_back_when_it_is_not() -> None:
    assert meant_without({3}, 3, 2, 1) == 2
    assert meant_without({3, 2}, 3, 2, 1) == 1
    assert meant_without({2}, 3, 2, 1) == 3
    assert meant_without({3}, 3, 2, 1) == 2
    assert meant_without(set(), 3, 2, 1) == 3


def test_it_falls_back_by_what_was_promoted_last_and_not_by_numbers() -> None:
    assert meant_without({1}, 1, 2, 3) == 2
    assert meant_without({1}, 1, 3, 1, 2) == 3


def test_a_channel_all_of_whose_versions_are_forbidden_means_nothing() -> None:
    assert meant_without({1, 2, 3}, 3, 2, 1) is None
    assert meant_without(set()) is None


def test_it_falls_back_on_the_day_without_anybody_doing_anything() -> None:
    bad = revocation(("shop/web", 3), {Level.RELEASES: NOW})
    for now, version in ((NOW - SECOND, 3), (NOW, 2)):

        def forbidden(each: Assignment, now: datetime = now) -> bool:
            known = {("shop/web", 3): bad}
            return forbidding(known, [each.made], Level.RELEASES, now) is not None

        newest = meant(history(3, 2), forbidden)
        assert newest
        assert newest.version == version


versions = some.integers(1, 4)


@given(some.lists(versions, max_size=6), some.sets(versions))
def test_what_is_meant_is_never_forbidden_and_all_that_came_later_is(
    given_versions: list[int], bad: set[int]
) -> None:
    every = history(*given_versions)
    newest = meant(every, lambda each: each.version in bad)
    if newest is None:
        assert set(given_versions) <= bad
        return
    assert newest.version not in bad
    assert {each.version for each in every[: every.index(newest)]} <= bad
