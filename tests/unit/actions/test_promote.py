"""A channel gets a version where nothing speaks against it, and all that does is said."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from channel_images import add_version, add_versions, put_rules, verbs
from fleet_workshop import fleet_workshop

from herdbook.actions.hold_channel import hold
from herdbook.actions.name_version import present
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Hold, Level, Way
from herdbook.channels.ports import ChannelRegister
from herdbook.core.errors import ConflictError, GateError, InvalidInputError, NotFoundError

FOLLOWED = "channels: [{channel: production, follow_back: [staging, dev]}]"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One with three versions of shop/web."""
    made = replace(fleet_workshop(tmp_path / "state"), actor="anna")
    add_versions(made, 3)
    return made


def means(workshop: Workshop, channel: str) -> int | None:
    found = present(workshop, "shop/web", channel)
    return found.version if found else None


def declare_bad(workshop: Workshop, name: str) -> None:
    since = dict.fromkeys((Level.BUILDS, Level.RELEASES), workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since))


def test_a_channel_means_what_it_got_and_tells_who_gave_it_when_and_why(workshop: Workshop) -> None:
    found = promote(workshop, "shop/web:2", "production", "payment by invoice")
    assert (found.changed, found.before) == (True, None)
    [kept] = workshop.channels.history("shop/web", "production")
    assert kept == found.assignment
    assert (kept.version, kept.number, kept.who, kept.why, kept.at, kept.way) == (
        *(2, 1, "anna", "payment by invoice"),
        *(workshop.clock.now(), Way.PROMOTED),
    )
    again = promote(workshop, "shop/web", "production")
    assert again.before == kept
    assert (again.assignment.version, again.assignment.number) == (3, 2)


def test_the_same_version_again_changes_nothing_and_is_not_written_down(workshop: Workshop) -> None:
    first = promote(workshop, "shop/web:2", "production")
    workshop.clock.sleep(60)
    again = promote(workshop, "shop/web:2", "production", "once more")
    assert (again.changed, again.assignment) == (False, first.assignment)
    assert workshop.channels.history("shop/web", "production") == [first.assignment]
    assert verbs(workshop) == ["promote shop/web@production"]


def test_what_a_channel_has_already_is_not_refused(workshop: Workshop) -> None:
    """Whoever repeats a promotion when the channel is held is told that it is done."""
    promote(workshop, "shop/web:2", "production")
    hold(workshop, "shop/web@production", "stocktaking")
    assert not promote(workshop, "shop/web:2", "production").changed


def test_what_another_channel_means_can_be_promoted(workshop: Workshop) -> None:
    promote(workshop, "shop/web:2", "staging")
    assert promote(workshop, "shop/web@staging", "production").assignment.version == 2


def test_going_back_is_a_promotion(workshop: Workshop) -> None:
    for number in (1, 2, 1):
        promote(workshop, f"shop/web:{number}", "production")
    history = workshop.channels.history("shop/web", "production")
    assert [each.version for each in history] == [1, 2, 1]
    assert means(workshop, "production") == 1


# What speaks against it


def refused(workshop: Workshop, name: str, channel: str = "production") -> GateError:
    before = workshop.channels.every(), verbs(workshop)
    with pytest.raises(GateError) as caught:
        promote(workshop, name, channel)
    assert (workshop.channels.every(), verbs(workshop)) == before
    return caught.value


def test_all_that_speaks_against_it_is_said_and_what_helps(workshop: Workshop) -> None:
    promote(workshop, "shop/web:1", "production")
    hold(workshop, "shop/web@production", "stocktaking")
    declare_bad(workshop, "shop/web:3")
    put_rules(
        workshop,
        """
        channels:
          - channel: production
            from: staging
            hours: {begin: "09:00", end: "16:00"}
            freezes: [{begin: 2025-12-20, end: 2026-01-02, reason: Christmas}]
        """,
    )
    error = refused(workshop, "shop/web:3")
    assert error.message.splitlines() == [
        "shop/web:3 cannot get to production:",
        "  revocation: shop/web:3 is revoked: it leaks",
        "    Promote another version, or: herdbook reinstate shop/web:3",
        "  hold: production is held by anna since 2026-01-01 00:00: stocktaking",
        "    Let it go: herdbook release-hold shop/web@production",
        "  from: shop/web:3 has never been in staging",
        "    First: herdbook promote shop/web:3 staging",
        "  hours: production is moved on 09:00 to 16:00 (UTC) only",
        "    Try again then.",
        "  freeze: production is frozen until 2026-01-02: Christmas",
        "    Try again then.",
    ]
    assert error.hint


@pytest.mark.parametrize(
    ("rule", "words", "hint"),
    [
        (
            "from: [staging, qa]",
            "has never been in staging or qa",
            "First: herdbook promote shop/web:2 staging",
        ),
        ('hours: {begin: "09:00", end: "16:00"}', "09:00 to 16:00", "Try again then."),
        (
            "freezes: [{begin: 2025-12-20, end: 2026-01-02}]",
            "frozen until 2026-01-02",
            "Try again then.",
        ),
    ],
)
def test_one_objection_is_said_in_one_line_with_the_next_step(
    workshop: Workshop, rule: str, words: str, hint: str
) -> None:
    put_rules(workshop, f"channels: [{{channel: production, {rule}}}]")
    error = refused(workshop, "shop/web:2")
    assert words in error.message
    assert "\n" not in error.message
    assert error.hint == hint


def test_the_next_step_that_is_told_helps(workshop: Workshop) -> None:
    put_rules(workshop, "channels: [{channel: production, from: staging}]")
    image, channel = refused(workshop, "shop/web:2").hint.split()[-2:]
    promote(workshop, image, channel)
    promote(workshop, "shop/web:2", "production")
    assert means(workshop, "production") == 2


def test_what_was_in_a_channel_once_has_been_there(workshop: Workshop) -> None:
    put_rules(workshop, "channels: [{channel: production, from: staging}]")
    promote(workshop, "shop/web:1", "staging")
    promote(workshop, "shop/web:2", "staging")
    assert promote(workshop, "shop/web:1", "production").changed


def test_a_hold_stands_against_whoever_has_made_it(workshop: Workshop) -> None:
    promote(workshop, "shop/web:1", "production")
    hold(workshop, "shop/web@production", "stocktaking")
    error = refused(workshop, "shop/web:2")
    assert "held by anna" in error.message
    assert "herdbook release-hold shop/web@production" in error.hint


def test_what_is_made_from_a_revoked_version_is_refused_with_both_names(workshop: Workshop) -> None:
    add_version(workshop, "shop/till", ("shop/web", 2))
    declare_bad(workshop, "shop/web:2")
    error = refused(workshop, "shop/till:1")
    assert "shop/till:1 is made from shop/web:2, which is revoked: it leaks" in error.message
    assert error.hint.endswith("herdbook reinstate shop/web:2")


def test_what_is_reinstated_may_be_promoted(workshop: Workshop) -> None:
    declare_bad(workshop, "shop/web:3")
    refused(workshop, "shop/web:3")
    reinstate(workshop, "shop/web:3")
    assert promote(workshop, "shop/web:3", "production").changed


# Followers


def test_followers_get_it_in_the_same_moment_and_that_is_written_down(workshop: Workshop) -> None:
    put_rules(workshop, FOLLOWED)
    promote(workshop, "shop/web:3", "dev")
    found = promote(workshop, "shop/web:2", "production")
    assert [(each.channel, each.way) for each in found.followed] == [
        ("staging", Way.FOLLOWED),
        ("dev", Way.FOLLOWED),
    ]
    assert {each.channel: each.version for each in workshop.channels.every()} == dict.fromkeys(
        ("dev", "production", "staging"), 2
    )
    assert verbs(workshop)[-3:] == [
        "promote shop/web@production",
        "follow shop/web@staging",
        "follow shop/web@dev",
    ]
    record, *follow = workshop.audit.records(newest=3)
    assert record.details["followed"] == ["staging", "dev"]
    assert {each.details["follows"] for each in follow} == {"shop/web@production"}
    assert {each.at for each in follow} == {record.at}


def test_a_follower_that_has_it_already_is_left_alone(workshop: Workshop) -> None:
    put_rules(workshop, FOLLOWED)
    promote(workshop, "shop/web:2", "dev")
    found = promote(workshop, "shop/web:2", "production")
    assert [each.channel for each in found.followed] == ["staging"]
    assert len(workshop.channels.history("shop/web", "dev")) == 1


def test_a_follower_that_is_held_stays_and_is_named(workshop: Workshop) -> None:
    put_rules(workshop, FOLLOWED)
    promote(workshop, "shop/web:3", "dev")
    hold(workshop, "shop/web@dev", "a bug is looked for")
    found = promote(workshop, "shop/web:2", "production")
    assert [each.channel for each in found.followed] == ["staging"]
    assert [each.channel for each in found.stayed] == ["dev"]
    assert means(workshop, "dev") == 3


# Two at once


@dataclass
class Overtaken:
    """A register in which somebody else moves a channel just when holds are looked at."""

    register: ChannelRegister
    act: Callable[[], object]
    done: bool = False

    def holds(self, image: str = "") -> list[Hold]:
        if not self.done:
            self.done = True
            self.act()
        return self.register.holds(image)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.register, name)


@pytest.mark.parametrize("moved", ["production", "staging"])
def test_of_two_who_move_a_channel_or_one_that_follows_exactly_one_does(
    workshop: Workshop, moved: str
) -> None:
    put_rules(workshop, FOLLOWED)
    promote(workshop, "shop/web:1", "production")

    def overtake() -> None:
        promote(workshop, "shop/web:2", moved)

    late: Any = Overtaken(workshop.channels, overtake)
    with pytest.raises(ConflictError) as caught:
        promote(replace(workshop, channels=late), "shop/web:3", "production")
    assert f"herdbook channel history shop/web@{moved}" in caught.value.hint
    history = workshop.channels.history("shop/web", moved)
    assert [each.version for each in history] == [2, 1]


# What is no version and no channel


@pytest.mark.parametrize("channel", ["", "Production", "a b", "-x", "a/b", "x" * 64])
def test_what_can_be_no_channel_is_refused(workshop: Workshop, channel: str) -> None:
    with pytest.raises(InvalidInputError):
        promote(workshop, "shop/web:1", channel)


def test_an_unknown_image_gives_the_nearest_name(workshop: Workshop) -> None:
    with pytest.raises(NotFoundError) as caught:
        promote(workshop, "shop/wep:1", "production")
    assert "'shop/web'" in caught.value.hint
