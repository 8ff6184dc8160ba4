"""What dies or hangs is replaced by what belongs in its slot, without a storm of attempts."""

import pytest
from simulated import QUICK, Conduct, Simulation, component

from herdbook.compose.deployment import Order
from herdbook.fleet.applications import Component, FailureAction
from herdbook.fleet.records import Role
from herdbook.rollouts.model import RolloutState
from herdbook.rollouts.operations import Drain, End, Start
from herdbook.rollouts.slots import pause_after


def web(version: int = 1, **more: object) -> Component:
    return component("web", version, **{"replicas": 3, **more})  # type: ignore[arg-type]


def test_a_dead_one_is_replaced_in_the_same_look() -> None:
    simulation = Simulation().settled(web())
    simulation.kill("shop-web-1-1")
    operations = simulation.look().operations
    assert [type(each) for each in operations] == [End, Start]
    simulation.until(lambda: simulation.serving("web") == 3)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert len(simulation.records) == 3


def test_a_hung_one_is_taken_from_behind_the_doors_first_and_then_replaced() -> None:
    simulation = Simulation().settled(web())
    simulation.hang("shop-web-1-1")
    assert [type(each) for each in simulation.step().operations] == [Drain]
    assert [type(each) for each in simulation.step().operations] == [End]
    assert Start in [type(each) for each in simulation.step().operations]
    simulation.until(lambda: simulation.serving("web") == 3)


def test_a_hung_one_that_comes_to_itself_serves_again() -> None:
    simulation = Simulation().settled(web())
    simulation.hang("shop-web-1-1")
    simulation.look()
    simulation.hang("shop-web-1-1", hung=False)
    simulation.until(lambda: simulation.serving("web") == 3)
    assert "shop-web-1-1" in simulation.records


def test_hung_ones_are_replaced_as_the_budget_allows_and_all_in_the_end() -> None:
    """Where all are unwell at once, it is often not their fault."""
    simulation = Simulation().settled(web(min_available=2))
    for name in list(simulation.records):
        simulation.hang(name)
    assert [type(each) for each in simulation.look().operations] == [Drain]
    simulation.until(lambda: simulation.serving("web") == 3)


def test_pauses_grow_where_it_fails_again_and_again() -> None:
    simulation = Simulation().settled(web(replicas=1))
    simulation.behave(web(), Conduct(boots=False))
    simulation.kill("shop-web-0-1")
    simulation.run(300)
    starts = [when for when, each in simulation.done if isinstance(each, Start)]
    ends = [when for when, each in simulation.done if isinstance(each, End) and each.failed]
    pauses = [
        round((start - end).total_seconds()) for end, start in zip(ends, starts, strict=False)
    ]
    assert pauses[:6] == [0, 1, 2, 4, 8, 16]
    assert pause_after(100).total_seconds() == 60.0
    simulation.behave(web(), Conduct())
    simulation.until(lambda: simulation.serving("web") == 1)
    simulation.run(61)
    assert simulation.histories["web", 0].failures == 0


def test_inside_a_rollout_a_slot_is_healed_with_its_own_revision() -> None:
    simulation = Simulation().settled(web())
    simulation.up(web(2))
    simulation.until(lambda: simulation.serving("web", 2) == 1)
    simulation.done.clear()
    simulation.kill("shop-web-2-1")
    simulation.look()
    (start,) = [each for _, each in simulation.done if isinstance(each, Start) and each.slot == 2]
    assert (start.revision, start.release) == (web(1).revision, 1)
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)


def test_while_a_rollout_waits_what_is_new_is_healed_as_new() -> None:
    """A component whose turn is over is, even if a later one waits."""
    needs = {"depends_on": {"web": "service_healthy"}}
    simulation = Simulation().settled(web(), component("late", **needs))  # type: ignore[arg-type]
    late = component("late", 2, **needs)  # type: ignore[arg-type]
    simulation.behave(late, Conduct(boots=False))
    late = late.model_copy(
        update={"update": QUICK.model_copy(update={"failure_action": FailureAction.PAUSE})}
    )
    simulation.up(web(2), late)
    simulation.until(lambda: simulation.state is RolloutState.PAUSED)
    (new,) = [each for each in simulation.named("web", Role.SERVING) if each.slot == 0]
    simulation.kill(new.name)
    simulation.until(lambda: simulation.serving("web", 2) == 3)


def test_without_healing_a_dead_one_is_only_removed() -> None:
    simulation = Simulation().settled(web(heal=False))
    simulation.kill("shop-web-1-1")
    simulation.run(90)
    plan = simulation.situation_plan()
    assert simulation.serving("web") == 2
    assert (plan.operations, plan.restless) == ((), False)
    simulation.up(web(2, heal=False))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 3


def test_a_new_release_waits_for_no_pause_of_what_it_is_to_mend() -> None:
    simulation = Simulation().settled(web(replicas=1))
    simulation.behave(web(), Conduct(boots=False))
    simulation.kill("shop-web-0-1")
    simulation.run(200)
    simulation.up(web(2, replicas=1))
    assert simulation.until(lambda: simulation.serving("web", 2) == 1) < 3.0


@pytest.mark.parametrize("order", list(Order))
def test_no_healing_takes_more_away_than_is_dead(order: Order) -> None:
    simulation = Simulation().settled(web(min_available=2, order=order))
    simulation.up(web(2, min_available=2, order=order))
    simulation.until(lambda: simulation.serving("web", 2) == 1)
    simulation.kill(simulation.named("web", Role.SERVING, version=1)[0].name)
    while simulation.state is not RolloutState.COMPLETE:
        simulation.step()
        assert simulation.serving("web") >= 2
