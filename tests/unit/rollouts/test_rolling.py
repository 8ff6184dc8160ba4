"""Old instances are replaced by new ones in the order and at the pace that was asked for."""

from dataclasses import replace
from itertools import pairwise

import pytest
from simulated import QUICK, Conduct, Simulation, component

from herdbook.compose.deployment import Order
from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import Component
from herdbook.fleet.records import Role
from herdbook.rollouts.model import MOVES, RolloutState
from herdbook.rollouts.operations import Admit, Drain, End, Start


def started(simulation: Simulation) -> list[str]:
    return [each.component for _, each in simulation.done if isinstance(each, Start)]


def test_a_first_start_brings_up_each_component_after_all_that_it_depends_on() -> None:
    simulation = Simulation()
    parts = [
        component("web", replicas=2, depends_on={"api": "service_started"}),
        component(
            "api", depends_on={"db": "service_healthy", "migrate": "service_completed_successfully"}
        ),
        component("migrate", job=True, depends_on={"db": "service_healthy"}),
        component("db"),
    ]
    simulation.up(*parts)
    seen: dict[str, float] = {}

    def watch(operation: object) -> None:
        if isinstance(operation, Start):
            for below in next(
                each for each in parts if each.name == operation.component
            ).depends_on:
                assert simulation.serving(below) or simulation.named(below, Role.DONE)
            seen.setdefault(operation.component, simulation.now.timestamp())

    simulation.watch = watch
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert started(simulation) == ["db", "migrate", "api", "web", "web"]
    assert not simulation.situation_plan().operations
    assert not simulation.situation_plan().restless


def test_what_depends_on_nothing_new_comes_up_at_once() -> None:
    simulation = Simulation()
    simulation.up(component("one", replicas=3), component("other", replicas=2))
    assert len(simulation.look().operations) == 5


@pytest.mark.parametrize(("parallelism", "most"), [(0, 5), (1, 1), (3, 3)])
@pytest.mark.parametrize("order", list(Order))
def test_no_more_are_replaced_at_once_than_was_asked_for(
    parallelism: int, most: int, order: Order
) -> None:
    policy = QUICK.model_copy(update={"parallelism": parallelism, "order": order})
    simulation = Simulation().settled(component("web", replicas=5, update=policy))
    simulation.up(component("web", 2, replicas=5, update=policy))
    at_once, served = 0, 5
    while simulation.state is not RolloutState.COMPLETE:
        simulation.step()
        coming = len(simulation.named("web", Role.STARTING))
        at_once, served = max(at_once, coming), min(served, simulation.serving("web"))
    assert at_once == most
    assert served == (5 if order is Order.START_FIRST else 5 - most)
    assert simulation.serving("web", 2) == 5
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert len(simulation.records) == 5


def test_stop_first_never_takes_away_more_than_min_available_allows() -> None:
    policy = QUICK.model_copy(update={"parallelism": 0, "order": Order.STOP_FIRST})
    simulation = Simulation().settled(component("web", replicas=5, update=policy, min_available=3))
    simulation.up(component("web", 2, replicas=5, update=policy, min_available=3))
    while simulation.state is not RolloutState.COMPLETE:
        simulation.step()
        assert simulation.serving("web") >= 3
    assert simulation.serving("web", 2) == 5


def test_stop_first_starts_a_new_one_only_when_the_old_one_is_gone() -> None:
    policy = QUICK.model_copy(update={"order": Order.STOP_FIRST})
    simulation = Simulation().settled(component("web", update=policy))
    simulation.up(component("web", 2, update=policy))
    simulation.until(lambda: bool(simulation.named("web", version=2)))
    assert not simulation.named("web", version=1)


def test_the_delay_lies_between_two_steps() -> None:
    policy = QUICK.model_copy(update={"delay_seconds": 7.0})
    simulation = Simulation().settled(component("web", replicas=3, update=policy))
    simulation.up(component("web", 2, replicas=3, update=policy))
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    at = [when for when, each in simulation.done if isinstance(each, Start)]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(at)]
    assert [gap >= 7.0 for gap in gaps] == [True, True]
    assert max(gaps) < 10.0


@pytest.mark.parametrize(("session", "least", "most"), [(1.0, 1.0, 1.8), (9.0, 2.0, 2.5)])
def test_an_old_one_ends_what_it_has_begun_but_not_for_ever(
    session: float, least: float, most: float
) -> None:
    old = component("web")
    simulation = Simulation()
    simulation.behave(old, Conduct(session_seconds=session))
    simulation.settled(old).up(component("web", 2))
    simulation.until(lambda: bool(simulation.named("web", Role.WARM)))
    drained = next(when for when, each in simulation.done if isinstance(each, Drain))
    assert least <= (simulation.now - drained).total_seconds() <= most


def test_a_new_one_serves_only_when_it_was_well_for_a_while() -> None:
    simulation = Simulation().settled(component("web"))
    new = component("web", 2)
    simulation.behave(new, Conduct(boot_seconds=2.0))
    simulation.up(new)
    took = simulation.until(lambda: simulation.serving("web", 2) == 1)
    assert 2.5 <= took <= 3.25


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize(("few", "many"), [(1, 5), (0, 3)])
def test_scaling_up_starts_only_what_is_lacking(few: int, many: int, order: Order) -> None:
    simulation = Simulation().settled(component("web", replicas=few, order=order, min_available=0))
    simulation.up(component("web", replicas=many, order=order, min_available=many))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert started(simulation) == ["web"] * (many - few)
    assert not [each for _, each in simulation.done if isinstance(each, Drain)]
    assert simulation.serving("web") == many


@pytest.mark.parametrize("left", [2, 0])
def test_scaling_down_takes_the_highest_slots_away(left: int) -> None:
    simulation = Simulation().settled(component("web", replicas=4))
    simulation.up(component("web", replicas=left))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert sorted(each.slot for each in simulation.records.values()) == list(range(left))


def test_a_release_may_change_the_revision_and_the_number_at_once() -> None:
    for before, after in ((2, 5), (5, 2)):
        simulation = Simulation().settled(component("web", replicas=before))
        simulation.up(component("web", 2, replicas=after))
        while simulation.state is not RolloutState.COMPLETE:
            simulation.step()
            assert simulation.serving("web") >= min(before, after)
        assert simulation.serving("web", 2) == after


def test_a_component_is_added_and_another_removed() -> None:
    simulation = Simulation().settled(component("web"), component("old"))
    simulation.up(component("web"), component("new", depends_on={"web": "service_started"}))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert sorted(each.component for each in simulation.records.values()) == ["new", "web"]
    assert [each.component for _, each in simulation.done if isinstance(each, Start)] == ["new"]


def test_what_is_not_changed_is_not_touched() -> None:
    same = component("web", replicas=3)
    simulation = Simulation().settled(same, component("other"))
    simulation.up(same, component("other", 2))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert started(simulation) == ["other"]


def test_a_rollout_to_the_same_release_is_over_within_a_few_looks() -> None:
    same = component("web", replicas=200)
    simulation = Simulation().settled(same)
    simulation.up(same)
    assert simulation.until(lambda: simulation.state is RolloutState.BAKING) <= 1.0
    assert not simulation.done


def test_a_rollout_that_is_superseded_goes_on_from_the_mix() -> None:
    """What serves of the release in between stays until its slot's turn comes."""

    def web(version: int) -> Component:
        return component("web", version, replicas=4)

    simulation = Simulation().settled(web(1))
    simulation.up(web(2))
    simulation.until(lambda: simulation.serving("web", 2) == 2)
    simulation.done.clear()
    simulation.up(web(3))
    while simulation.state is not RolloutState.COMPLETE:
        simulation.step()
        assert simulation.serving("web") >= 4
    revisions = [each.revision for _, each in simulation.done if isinstance(each, Start)]
    assert revisions == [web(3).revision] * 4
    assert simulation.serving("web", 3) == 4


def test_superseded_by_the_release_before_takes_the_new_ones_back() -> None:
    simulation = Simulation().settled(component("web", replicas=4))
    simulation.up(component("web", 2, replicas=4))
    simulation.until(lambda: simulation.serving("web", 2) == 2)
    simulation.done.clear()
    simulation.roll_out(1, reverts=True)
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert not started(simulation)  # they were warm
    assert simulation.serving("web", 1) == 4


def test_an_operation_that_was_cut_off_is_done_again() -> None:
    simulation = Simulation()
    simulation.up(component("web"))
    simulation.cut_off = 1
    simulation.step()
    assert simulation.step().operations == (
        Start("web", 0, 1, component("web").revision, 1, "starting it was cut off"),
    )
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    simulation.up()
    simulation.until(lambda: bool(simulation.named("web", Role.DRAINING)))
    simulation.until(lambda: not simulation.records)
    assert any(isinstance(each, End) for _, each in simulation.done)


def test_an_end_that_was_cut_off_is_done_again() -> None:
    simulation = Simulation().settled(component("web", replicas=1))
    simulation.kill("shop-web-0-1")
    simulation.cut_off = 2
    simulation.until(lambda: simulation.serving("web") == 1)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert list(simulation.records) == ["shop-web-0-2"]


def test_a_rollout_moves_only_where_it_may() -> None:
    rollout = Simulation().roll_out(1)
    for before, ways in MOVES.items():
        there = rollout.model_copy(update={"state": before})
        for after in RolloutState:
            if after in ways:
                assert there.moved(after, rollout.since, "why").state is after
            else:
                with pytest.raises(ConflictError):
                    there.moved(after, rollout.since, "why")


def test_weights_are_put_right_after_an_instance_served_with_another_one() -> None:
    simulation = Simulation().settled(component("web"))
    simulation.look()
    record = simulation.records["shop-web-0-1"]
    simulation.records[record.name] = replace(record, weight=30)
    assert simulation.look().operations == (Admit("shop-web-0-1", 100, "its share is 100 now"),)
