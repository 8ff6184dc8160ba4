"""A held channel stays where it is until somebody lets it go, and both are written down."""

from dataclasses import replace
from pathlib import Path

import pytest
from channel_images import add_versions, verbs
from fleet_workshop import fleet_workshop

from herdbook.actions.hold_channel import hold, release_hold, split_channel
from herdbook.actions.list_channels import list_channels
from herdbook.actions.promote import promote
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import InvalidInputError, NotFoundError


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One in which production is shop/web:1."""
    made = replace(fleet_workshop(tmp_path / "state"), actor="anna")
    add_versions(made, 2)
    promote(made, "shop/web:1", "production")
    return made


def test_a_hold_says_who_made_it_when_and_why(workshop: Workshop) -> None:
    made = hold(workshop, "shop/web@production", "stocktaking")
    assert (made.who, made.why, made.at) == ("anna", "stocktaking", workshop.clock.now())
    assert workshop.channels.holds() == [made]
    [channel] = list_channels(workshop, "shop/web")
    assert (channel.hold, channel.note) == (made, "held by anna: stocktaking")


def test_what_is_let_go_may_be_moved_and_all_of_it_is_written_down(workshop: Workshop) -> None:
    hold(workshop, "shop/web@production", "stocktaking")
    release_hold(workshop, "shop/web@production")
    assert promote(workshop, "shop/web:2", "production").changed
    assert verbs(workshop) == [
        f"{verb} shop/web@production" for verb in ("promote", "hold", "release-hold", "promote")
    ]


def test_a_second_hold_takes_the_place_of_the_first(workshop: Workshop) -> None:
    hold(workshop, "shop/web@production", "stocktaking")
    other = hold(replace(workshop, actor="ben"), "shop/web@production", "Christmas")
    assert workshop.channels.holds("shop/web") == [other]


def test_what_nobody_holds_cannot_be_let_go_and_what_is_held_is_named(workshop: Workshop) -> None:
    with pytest.raises(NotFoundError) as caught:
        release_hold(workshop, "shop/web@production")
    assert caught.value.hint == "No channel is held."
    hold(workshop, "shop/web@production", "stocktaking")
    with pytest.raises(NotFoundError) as caught:
        release_hold(workshop, "shop/web@staging")
    assert "shop/web@production" in caught.value.hint
    assert verbs(workshop)[-1] == "hold shop/web@production"


def test_a_channel_that_means_nothing_cannot_be_held(workshop: Workshop) -> None:
    with pytest.raises(NotFoundError) as caught:
        hold(workshop, "shop/web@prodction", "stocktaking")
    assert "'production'" in caught.value.hint
    assert not workshop.channels.holds()


@pytest.mark.parametrize("name", ["shop/web", "@production", "shop/web@", "shop/web@A", ""])
def test_what_names_no_channel_of_an_image_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        split_channel(name)
