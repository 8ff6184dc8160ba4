"""What fails is taken back, as fast as it can be, and only where that does no harm."""

import pytest
from simulated import QUICK, Conduct, Simulation, component

from herdbook.compose.deployment import Order
from herdbook.fleet.applications import Component, FailureAction
from herdbook.fleet.records import Role
from herdbook.rollouts.judging import Counts, Share
from herdbook.rollouts.model import RolloutState
from herdbook.rollouts.operations import Admit, End, Start

NEVER_WELL = Conduct(boots=False)
BAD = Share(Counts(100, 60, 5.0), Counts(0, 0, 0.0))


def web(version: int = 1, replicas: int = 4, **more: object) -> Component:
    action = more.pop("action", FailureAction.ROLLBACK)
    ratio = more.pop("ratio", 0.0)
    policy = QUICK.model_copy(update={"failure_action": action, "max_failure_ratio": ratio})
    return component("web", version, replicas=replicas, **{"update": policy, **more})  # type: ignore[arg-type]


def rolled_to(
    new: Component, conduct: Conduct, *others: Component, old: Component | None = None
) -> Simulation:
    simulation = Simulation().settled(old or web(), *others)
    simulation.behave(new, conduct)
    simulation.up(new, *others)
    return simulation


def test_one_that_never_gets_well_is_taken_back_and_the_old_ones_have_served_all_the_time() -> None:
    simulation = rolled_to(web(2), NEVER_WELL)
    while simulation.state is not RolloutState.ROLLED_BACK:
        simulation.step()
        assert simulation.serving("web", 1) == 4
    assert simulation.rollout
    assert simulation.rollout.reason == "web: 1 of 4 new ones failed"
    assert simulation.standing == 1
    assert len([each for _, each in simulation.done if isinstance(each, Start)]) == 1


def test_one_that_dies_soon_after_it_served_is_taken_back() -> None:
    simulation = rolled_to(web(2), Conduct(dies_after=1.0))
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert simulation.serving("web", 1) == 4
    assert len(simulation.records) == 4


def test_one_that_fails_long_after_it_served_is_replaced_and_nothing_is_taken_back() -> None:
    simulation = rolled_to(web(2), Conduct())
    simulation.until(lambda: simulation.serving("web", 2) == 4)
    simulation.run(3)
    (first,) = [each for each in simulation.named("web", version=2) if each.slot == 0]
    simulation.kill(first.name)
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 4
    assert RolloutState.ROLLING_BACK not in simulation.moves


@pytest.mark.parametrize(
    ("action", "state"),
    [(FailureAction.PAUSE, RolloutState.PAUSED), (FailureAction.FREEZE, RolloutState.FROZEN)],
)
def test_a_failed_rollout_waits_where_a_person_wants_that(
    action: FailureAction, state: RolloutState
) -> None:
    new = web(2, action=action)
    simulation = rolled_to(new, NEVER_WELL)
    simulation.until(lambda: simulation.state is state)
    simulation.run(60)
    assert simulation.state is state
    assert simulation.serving("web", 1) == 4
    plan = simulation.situation_plan()
    assert (plan.operations, plan.restless) == ((), False)
    simulation.behave(new, Conduct())
    simulation.resume()
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 4


def test_a_paused_rollout_gives_a_slot_that_stopped_first_its_old_one_back() -> None:
    old = web(action=FailureAction.PAUSE, order=Order.STOP_FIRST)
    simulation = rolled_to(
        web(2, action=FailureAction.PAUSE, order=Order.STOP_FIRST), NEVER_WELL, old=old
    )
    simulation.until(lambda: simulation.state is RolloutState.PAUSED)
    assert simulation.until(lambda: simulation.serving("web", 1) == 4) < 3.0


def test_continue_goes_on_whatever_fails_and_keeps_what_served_in_its_place() -> None:
    simulation = rolled_to(web(2, action=FailureAction.CONTINUE), NEVER_WELL)
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 1) == 4


def test_as_many_may_fail_as_the_ratio_allows() -> None:
    simulation = rolled_to(web(2, ratio=0.25), NEVER_WELL)
    simulation.until(lambda: bool(simulation.named("web", Role.STARTING)))
    simulation.behave(web(2), Conduct())
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 4


def test_more_may_not_fail_than_the_ratio_allows() -> None:
    simulation = rolled_to(web(2, ratio=0.25), NEVER_WELL)
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert simulation.rollout
    assert simulation.rollout.reason == "web: 2 of 4 new ones failed"


def test_a_rollout_that_does_not_get_on_waits_for_a_person() -> None:
    """Its budget is used up by what fails for good: the last one that serves is not taken away."""
    policy = QUICK.model_copy(update={"failure_action": FailureAction.CONTINUE, "parallelism": 0})

    def some_web(version: int) -> Component:
        return web(version, 3, min_available=2, update=policy, order=Order.STOP_FIRST)

    simulation = Simulation().settled(some_web(1))
    new = some_web(2)
    simulation.behave(new, NEVER_WELL)
    simulation.up(new)
    waited = simulation.until(lambda: simulation.state is RolloutState.PAUSED, limit=700.0)
    assert waited > 600.0
    assert simulation.rollout
    assert "it has not got on" in simulation.rollout.reason
    assert simulation.serving("web", 1) == 2


def test_degradation_while_baking_has_the_warm_ones_serve_again_in_the_same_look() -> None:
    simulation = rolled_to(web(2), Conduct())
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    simulation.until(lambda: len(simulation.named("web", Role.WARM)) == 4)
    simulation.shares["web"] = BAD
    plan = simulation.look()
    assert simulation.state is RolloutState.ROLLING_BACK
    assert [type(each) for each in plan.operations] == [Admit] * 4
    assert simulation.serving("web", 1) == 4
    assert not [
        each for _, each in simulation.done if isinstance(each, Start) and each.release == 1
    ]
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert len(simulation.records) == 4


def test_old_ones_are_kept_warm_until_the_bake_is_over_and_not_longer() -> None:
    simulation = rolled_to(web(2), Conduct())
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    baked = simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert 5.0 <= baked <= 6.0
    assert len(simulation.named("web", Role.WARM)) == 4
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert len(simulation.records) == 4


def test_what_is_scaled_down_or_removed_is_kept_warm_as_long() -> None:
    simulation = Simulation().settled(web(), component("old"))
    simulation.up(web(2, replicas=2))
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    simulation.until(lambda: len(simulation.named("web", Role.WARM)) == 4)
    assert len(simulation.named("old", Role.WARM)) == 1
    simulation.shares["web"] = BAD
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert not [
        each for _, each in simulation.done if isinstance(each, Start) and each.release == 1
    ]
    assert (simulation.serving("web", 1), simulation.serving("old", 1)) == (4, 1)


def test_a_way_back_that_fails_is_never_led_back_again() -> None:
    simulation = rolled_to(web(2), Conduct())
    simulation.until(lambda: simulation.serving("web", 2) == 2)
    for each in simulation.named("web", version=1):
        simulation.kill(each.name)
    simulation.behave(web(1), NEVER_WELL)
    simulation.abort()
    simulation.until(lambda: simulation.state is RolloutState.ROLLBACK_PAUSED)
    simulation.run(60)
    assert simulation.moves.count(RolloutState.ROLLING_BACK) == 1
    simulation.behave(web(1), Conduct())
    simulation.resume()
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert simulation.serving("web", 1) == 4


def test_a_rollout_that_reverts_waits_where_it_fails() -> None:
    simulation = Simulation().settled(web()).settled(web(2))
    simulation.behave(web(1), NEVER_WELL)
    simulation.roll_out(1, reverts=True)
    simulation.until(lambda: simulation.state is RolloutState.PAUSED)
    assert simulation.rollout
    assert "no way back leads back again" in simulation.rollout.reason
    assert simulation.serving("web", 2) == 4


def test_a_first_release_that_fails_waits() -> None:
    simulation = Simulation()
    simulation.behave(web(), NEVER_WELL)
    simulation.up(web())
    simulation.until(lambda: simulation.state is RolloutState.PAUSED)
    assert simulation.rollout
    assert "no release before" in simulation.rollout.reason
    simulation.run(10)
    assert simulation.situation_plan().operations == ()


def test_what_is_not_reversible_is_frozen_even_if_another_one_fails() -> None:
    old = [component("db", reversible=False), web(depends_on={"db": "service_healthy"})]
    simulation = Simulation().settled(*old)
    simulation.behave(web(2), NEVER_WELL)
    simulation.up(
        component("db", 2, reversible=False), web(2, depends_on={"db": "service_healthy"})
    )
    simulation.until(lambda: simulation.state is RolloutState.FROZEN)
    assert simulation.rollout
    assert "db is not reversible" in simulation.rollout.reason
    assert simulation.serving("db", 2) == 1


def test_no_way_leads_back_to_a_release_that_is_refused() -> None:
    simulation = rolled_to(web(2), NEVER_WELL)
    simulation.refused[1] = "its image is revoked"
    simulation.until(lambda: simulation.state is RolloutState.FROZEN)
    assert simulation.rollout
    assert "release 1 must not run: its image is revoked" in simulation.rollout.reason


def test_a_release_that_is_refused_midway_is_taken_back() -> None:
    simulation = rolled_to(web(2), Conduct())
    simulation.until(lambda: simulation.serving("web", 2) == 2)
    simulation.refused[2] = "its image is revoked"
    simulation.done.clear()
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert not [each for _, each in simulation.done if isinstance(each, Start)]
    assert simulation.serving("web", 1) == 4


def test_nothing_of_a_refused_release_is_started_even_to_heal() -> None:
    simulation = Simulation().settled(web(replicas=1))
    simulation.refused[1] = "its image is revoked"
    simulation.kill("shop-web-0-1")
    simulation.run(30)
    plan = simulation.situation_plan()
    assert (simulation.records, plan.operations, plan.restless) == ({}, (), False)


def test_on_the_way_back_dependents_come_first() -> None:
    needs = {"db": "service_healthy"}
    simulation = Simulation().settled(component("db"), web(depends_on=needs))
    simulation.up(component("db", 2), web(2, depends_on=needs))
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    simulation.done.clear()
    simulation.shares["web"] = BAD
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    back = [each.instance for _, each in simulation.done if isinstance(each, Admit)]
    assert [each.split("-")[1] for each in back] == ["web"] * 4 + ["db"]


def test_an_aborted_rollout_never_starts_the_new_release_in_other_slots() -> None:
    """The way back may go step by step, too: slots whose turn has not come stay as they are."""
    slow = QUICK.model_copy(update={"parallelism": 1})
    simulation = Simulation().settled(web(rollback=slow))
    simulation.up(web(2, rollback=slow))
    simulation.until(lambda: simulation.serving("web", 2) == 3)
    simulation.until(lambda: len(simulation.named("web", Role.WARM)) == 3)
    simulation.done.clear()
    simulation.abort()
    while simulation.state is not RolloutState.ROLLED_BACK:
        simulation.step()
        assert simulation.serving("web") >= 4
    assert not [each for _, each in simulation.done if isinstance(each, Start)]
    ended = {each.instance for _, each in simulation.done if isinstance(each, End)}
    assert ended <= {each.name for each in simulation.named("web", version=2)} | ended
