"""What people say of rollouts: on, back, pause, resume, abort, down."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions import roll_out as verbs
from herdbook.actions.find_application import application_named, left_of
from herdbook.actions.release_application import release_application
from herdbook.actions.roll_out import roll_back, roll_out, take_down
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.fleet.applications import Release
from herdbook.rollouts.model import MOVES, Progress, Rollout, RolloutState
from herdbook.rollouts.ports import Changes

S = RolloutState


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return fleet_workshop(tmp_path / "state")


@pytest.fixture
def release(workshop: Workshop, tmp_path: Path) -> Callable[[int], Release]:
    """Return what makes a release of a version."""

    def make(version: int) -> Release:
        text = f"services: {{web: {{image: web{version}}}}}"
        return release_application(workshop, MadeUpNetwork(), composed(tmp_path / "shop", text))

    return make


def come_to(workshop: Workshop, rollout: Rollout | None, *states: RolloutState) -> Rollout:
    """Have a rollout come to a state, and what stands change with it."""
    assert rollout
    for state in states:
        after = rollout.moved(state, workshop.clock.now(), "it did")
        standing = {S.COMPLETE: after.after, S.ROLLED_BACK: after.before}.get(state)
        workshop.fleet.record(
            "shop", Changes(rollout=after, rollout_before=rollout, standing=standing)
        )
        found = workshop.fleet.newest("shop")
        assert found
        rollout = found
    return rollout


@pytest.fixture
def done(workshop: Workshop, release: Callable[[int], Release]) -> Callable[[int], None]:
    """Return what rolls a version out to the end."""

    def roll(version: int) -> None:
        come_to(workshop, roll_out(workshop, release(version)), S.BAKING, S.COMPLETE)

    return roll


Done = Callable[[int], None]
Make = Callable[[int], Release]


def test_a_rollout_leads_from_what_stands(workshop: Workshop, release: Make, done: Done) -> None:
    done(1)
    found = roll_out(workshop, release(2))
    assert found
    assert (found.before, found.after, found.state, found.number) == (1, 2, S.ROLLING, 2)


def test_what_runs_is_not_rolled_out_again(workshop: Workshop, release: Make, done: Done) -> None:
    done(1)
    assert roll_out(workshop, release(1)) is None


def test_the_same_wish_twice_is_one_rollout(workshop: Workshop, release: Make) -> None:
    assert roll_out(workshop, release(1)) == roll_out(workshop, release(1))


def test_a_newer_wish_supersedes(workshop: Workshop, release: Make, done: Done) -> None:
    done(1)
    roll_out(workshop, release(2))
    found = roll_out(workshop, release(3))
    assert found
    assert (found.before, found.after) == (1, 3)
    assert [each.state for each in workshop.fleet.rollouts("shop")][1] is S.SUPERSEDED


def test_one_goes_back_to_what_ran_before(workshop: Workshop, done: Done) -> None:
    done(1)
    done(2)
    found = roll_back(workshop, "shop", None)
    assert found
    assert (found.before, found.after, found.short) == (2, 1, True)


def test_one_goes_back_to_the_release_that_is_named(workshop: Workshop, done: Done) -> None:
    for version in (1, 2, 3):
        done(version)
    found = roll_back(workshop, "shop", 1)
    assert found
    assert found.after == 1


def test_going_back_from_a_rollout_under_way_takes_it_back(
    workshop: Workshop, release: Make, done: Done
) -> None:
    """What is kept warm serves again; nothing is started anew."""
    done(1)
    begun = come_to(workshop, roll_out(workshop, release(2)), S.BAKING)
    found = roll_back(workshop, "shop", None)
    assert found
    assert (found.number, found.state, found.goal) == (begun.number, S.ROLLING_BACK, 1)


@pytest.mark.parametrize("number", [None, 7])
def test_there_is_nothing_to_go_back_to(workshop: Workshop, done: Done, number: int | None) -> None:
    done(1)
    with pytest.raises((ConflictError, NotFoundError)):
        roll_back(workshop, "shop", number)


WAYS: dict[RolloutState, tuple[RolloutState, ...]] = {
    S.ROLLING: (),
    S.HOLDING: (S.HOLDING,),
    S.PAUSED: (S.PAUSED,),
    S.FROZEN: (S.FROZEN,),
    S.BAKING: (S.BAKING,),
    S.COMPLETE: (S.BAKING, S.COMPLETE),
    S.ROLLING_BACK: (S.ROLLING_BACK,),
    S.ROLLED_BACK: (S.ROLLING_BACK, S.ROLLED_BACK),
    S.ROLLBACK_PAUSED: (S.ROLLING_BACK, S.ROLLBACK_PAUSED),
    S.SUPERSEDED: (S.SUPERSEDED,),
}


@pytest.mark.parametrize("state", RolloutState)
@pytest.mark.parametrize("word", ["pause", "resume", "abort"])
def test_a_word_leads_where_one_can_get_and_else_is_a_conflict(
    workshop: Workshop, release: Make, done: Done, state: RolloutState, word: str
) -> None:
    done(1)
    come_to(workshop, roll_out(workshop, release(2)), *WAYS[state])
    goal = {"pause": S.PAUSED, "resume": S.ROLLING, "abort": S.ROLLING_BACK}[word]
    if word == "resume" and state is S.ROLLBACK_PAUSED:
        goal = S.ROLLING_BACK
    if goal in MOVES[state]:
        assert getattr(verbs, word)(workshop, "shop").state is goal
        assert "by a person" in workshop.fleet.happenings("shop")[-1].words
    else:
        with pytest.raises(ConflictError) as caught:
            getattr(verbs, word)(workshop, "shop")
        assert caught.value.hint


def test_what_is_resumed_is_tried_again(workshop: Workshop, release: Make, done: Done) -> None:
    done(1)
    begun = roll_out(workshop, release(2))
    assert begun
    failed = begun.with_progress("web", Progress(stage=1, failed=(0, 1), late=2))
    assert workshop.fleet.save(failed.moved(S.PAUSED, workshop.clock.now(), "x"), begun)
    assert verbs.resume(workshop, "shop").of("web") == Progress(stage=1)


def test_a_first_rollout_is_not_taken_back(workshop: Workshop, release: Make) -> None:
    roll_out(workshop, release(1))
    with pytest.raises(ConflictError, match="before"):
        verbs.abort(workshop, "shop")


def test_what_is_down_has_nothing_standing_and_no_rollout(
    workshop: Workshop, release: Make, done: Done
) -> None:
    done(1)
    roll_out(workshop, release(2))
    take_down(workshop, "shop")
    found, newest = workshop.fleet.find("shop"), workshop.fleet.newest("shop")
    assert found
    assert newest
    assert (found.standing, newest.over) == (0, True)
    assert len(workshop.fleet.releases("shop")) == 2


def test_what_is_down_is_left_until_its_networks_are_taken_up(
    workshop: Workshop, done: Done
) -> None:
    done(1)
    take_down(workshop, "shop")
    for network in application_named(workshop, "shop").networks.values():
        workshop.switch.lay(network)
    assert left_of(workshop, "shop") == ["shop_default"]
    workshop.switch.take_up("shop_default")
    assert left_of(workshop, "shop") == []


def test_a_name_that_is_nearly_right_is_offered(workshop: Workshop, done: Done) -> None:
    done(1)
    with pytest.raises(NotFoundError) as caught:
        take_down(workshop, "shpo")
    assert "shop" in caught.value.hint
