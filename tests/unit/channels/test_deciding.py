"""All that speaks against a promotion is told at once, with what would help; else nothing is."""

from datetime import UTC, datetime, timedelta

import pytest

from herdbook.channels.deciding import Facts, followers, objections
from herdbook.channels.model import Assignment, Hold, Level, Made, Revocation, check_channel
from herdbook.channels.rules import ChannelRule, Freeze, Hours
from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
MADE = ("shop/web", 3)
FREE = ChannelRule(channel="production")
HOLD = Hold("shop/web", "production", NOW, "ann", "we look into it")
REVOKED = Revocation("shop/web", 3, NOW, "bob", "it leaks", {Level.RELEASES: NOW})


def assignment(version: int = 3, image: str = "shop/web", channel: str = "staging") -> Assignment:
    return Assignment(image, channel, 1, version, EMPTY, NOW, "ann")


def gates(rule: ChannelRule, facts: Facts, now: datetime = NOW) -> list[str]:
    return [each.gate for each in objections(rule, facts, now)]


def facts(
    *upstream: Assignment, hold: Hold | None = None, revoked: Revocation | None = None
) -> Facts:
    return Facts(MADE, {"staging": upstream, "canary": ()}, hold, revoked)


FROM = ChannelRule.model_validate({"channel": "production", "from": ["staging", "canary"]})


def test_without_rules_nothing_speaks_against_it() -> None:
    assert objections(FREE, Facts(MADE, {}), NOW) == []


def test_a_revoked_version_goes_nowhere() -> None:
    [found] = objections(FREE, facts(revoked=REVOKED), NOW)
    assert (found.gate, found.words) == ("revocation", "shop/web:3 is revoked: it leaks")
    assert "herdbook reinstate shop/web:3" in found.remedy


def test_what_is_made_from_a_revoked_version_goes_nowhere_and_that_is_to_be_reinstated() -> None:
    base = Revocation("base", 7, NOW, "bob", "it leaks", {Level.RELEASES: NOW})
    [found] = objections(FREE, facts(revoked=base), NOW)
    assert found.words == "shop/web:3 is made from base:7, which is revoked: it leaks"
    assert "herdbook reinstate base:7" in found.remedy


def test_a_held_channel_stays_and_it_is_said_by_whom_and_why() -> None:
    [found] = objections(FREE, facts(hold=HOLD), NOW)
    assert found.gate == "hold"
    assert found.words == "production is held by ann since 2026-01-05 12:00: we look into it"
    assert "herdbook release-hold shop/web@production" in found.remedy


@pytest.mark.parametrize(
    "had", [(), (assignment(2),), (assignment(image="shop/db"),)], ids=["nothing", "other", "image"]
)
def test_a_version_comes_from_where_it_has_to(had: tuple[Assignment, ...]) -> None:
    [found] = objections(FROM, facts(*had), NOW)
    assert (found.gate, found.words) == (
        *("from", "shop/web:3 has never been in staging or canary"),
    )
    assert found.remedy == "First: herdbook promote shop/web:3 staging"


def test_it_may_have_been_there_long_ago_and_in_any_one_of_them() -> None:
    assert gates(FROM, facts(assignment(5), assignment(4), assignment(3))) == []
    only_canary = Facts(MADE, {"staging": (assignment(2),), "canary": (assignment(3),)})
    assert gates(FROM, only_canary) == []


def test_out_of_hours_nothing_is_moved() -> None:
    rule = ChannelRule(channel="production", hours=Hours(begin="09:00", end="12:00"))
    [found] = objections(rule, facts(), NOW)
    assert found.gate == "hours"
    assert found.words == "production is moved on 09:00 to 12:00 (UTC) only"
    assert found.remedy
    assert gates(rule, facts(), NOW - timedelta(seconds=1)) == []


def test_while_it_is_frozen_nothing_is_moved() -> None:
    freezes = (
        Freeze(begin="2026-01-01", end="2026-01-05 12:00"),
        Freeze(begin="2026-01-05 12:00", end="2026-01-06", reason="the audit"),
        Freeze(begin="2026-01-05", end="2026-01-07"),
    )
    rule = ChannelRule(channel="production", freezes=freezes)
    assert [each.words for each in objections(rule, facts(), NOW)] == [
        "production is frozen until 2026-01-06: the audit",
        "production is frozen until 2026-01-07",
    ]
    assert gates(rule, facts(), NOW) == ["freeze", "freeze"]
    assert gates(rule, facts(), NOW + timedelta(days=2)) == []


def test_all_that_speaks_against_it_is_told_at_once() -> None:
    hours, freeze = Hours(days=("sun",)), Freeze(begin="2026-01-01", end="2026-02-01")
    rule = FROM.model_copy(update={"hours": hours, "freezes": (freeze,)})
    found = objections(rule, facts(hold=HOLD, revoked=REVOKED), NOW)
    assert [each.gate for each in found] == ["revocation", "hold", "from", "hours", "freeze"]
    assert all(each.words and each.remedy for each in found)


BACK = ChannelRule(channel="production", follow_back=("staging", "dev"))
NONE: dict[str, Hold | None] = {}


def following(present: dict[str, Assignment | None], held: dict[str, Hold | None]) -> list[str]:
    made: Made = MADE
    return followers(BACK, made, present, held)


def test_channels_follow_back_in_their_order_also_such_as_are_new() -> None:
    assert following({}, NONE) == ["staging", "dev"]
    assert following({"staging": assignment(2), "dev": None}, NONE) == ["staging", "dev"]


def test_those_that_have_it_do_not_follow_again() -> None:
    assert following({"staging": assignment(3), "dev": assignment(4)}, NONE) == ["dev"]


def test_those_that_are_held_do_not_follow() -> None:
    held: dict[str, Hold | None] = {"staging": HOLD, "dev": None, "production": HOLD}
    assert following({"staging": assignment(2)}, held) == ["dev"]


def test_without_such_a_rule_none_follow() -> None:
    assert followers(FREE, MADE, {"staging": assignment(2)}, {}) == []


@pytest.mark.parametrize("name", ["dev", "2026", "a.b_c-d", "a" * 63])
def test_these_are_names_of_channels(name: str) -> None:
    assert check_channel(name) == name


@pytest.mark.parametrize("name", ["", "Dev", ".a", "-a", "a b", "a@b", "a/b", "dev\n", "a" * 64])
def test_these_are_not(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_channel(name)
