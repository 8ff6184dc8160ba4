"""New instances are tried beside the old ones, with the share of requests that was asked for."""

import pytest
from simulated import QUICK, Simulation, component

from herdbook.compose.deployment import Order
from herdbook.compose.wishes import Strategy
from herdbook.fleet.applications import Canary, Component, UpdatePolicy
from herdbook.fleet.records import Role
from herdbook.rollouts.judging import Counts, Share
from herdbook.rollouts.model import RolloutState
from herdbook.rollouts.operations import Admit, Drain, Start
from herdbook.rollouts.stages import share

GOOD = Share(Counts(100, 0, 5.0), Counts(900, 1, 5.0))
BAD = Share(Counts(100, 20, 5.0), Counts(900, 1, 5.0))


def canary(*, hold: bool = False, weight: int = 20) -> UpdatePolicy:
    trial = Canary(instances=1, weight=weight, analysis_seconds=10.0, hold=hold)
    return QUICK.model_copy(update={"strategy": Strategy.CANARY, "canary": trial})


def web(version: int, policy: UpdatePolicy, replicas: int = 4) -> Component:
    return component("web", version, replicas=replicas, update=policy)


def begun(policy: UpdatePolicy) -> Simulation:
    simulation = Simulation().settled(web(1, policy))
    simulation.up(web(2, policy))
    simulation.until(lambda: simulation.serving("web", 2) == 1)
    return simulation


def test_a_canary_serves_beside_all_old_ones_with_its_share() -> None:
    simulation = begun(canary())
    simulation.run(5)
    (new,) = simulation.named("web", version=2)
    assert (new.slot, new.weight) == (0, 100)  # of 100 + 4 * 100: 20 %
    assert simulation.serving("web", 1) == 4


def test_shares_come_to_the_wanted_percentage() -> None:
    assert share(20, 1, 4) == 100
    assert share(10, 1, 9) == 100
    assert share(50, 2, 4) == 200
    assert share(90, 1, 10) == 256  # HAProxy's weights end there
    assert share(1, 10, 1) == 1
    assert share(0, 3, 3) == 0
    assert share(20, 1, 0) == 100
    assert share(100, 1, 5) == 100


def test_a_good_canary_is_followed_by_the_others_and_gets_its_whole_share() -> None:
    simulation = begun(canary(weight=5))
    simulation.shares["web"] = GOOD
    (new,) = simulation.named("web", version=2)
    assert new.weight == 21
    took = simulation.until(lambda: not simulation.named("web", Role.SERVING, version=1))
    assert took > 10.0
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert {each.weight for each in simulation.named("web", Role.SERVING)} == {100}


def test_a_bad_canary_is_taken_back_and_no_old_one_has_been_touched() -> None:
    simulation = begun(canary())
    simulation.shares["web"] = BAD
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert simulation.rollout
    assert "20.0 % of the new ones' answers failed" in simulation.rollout.reason
    simulation.until(lambda: not simulation.situation_plan().restless)
    drained = {each.instance for _, each in simulation.done if isinstance(each, Drain)}
    assert drained == {"shop-web-0-2"}
    assert simulation.serving("web", 1) == 4


def test_a_canary_that_nothing_reaches_is_watched_three_times_as_long() -> None:
    simulation = begun(canary())
    took = simulation.until(lambda: len(simulation.named("web", version=2)) > 1)
    assert 30.0 <= took <= 36.0


def test_a_canary_holds_until_somebody_resumes() -> None:
    simulation = begun(canary(hold=True))
    simulation.shares["web"] = GOOD
    simulation.until(lambda: simulation.state is RolloutState.HOLDING)
    simulation.run(100)
    assert simulation.state is RolloutState.HOLDING
    assert (simulation.serving("web", 1), simulation.serving("web", 2)) == (4, 1)
    assert not simulation.situation_plan().restless
    simulation.resume()
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 4


def test_a_held_canary_is_taken_back_when_somebody_aborts() -> None:
    simulation = begun(canary(hold=True))
    simulation.until(lambda: simulation.state is RolloutState.HOLDING)
    simulation.abort()
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert (simulation.serving("web", 1), simulation.serving("web", 2)) == (4, 0)


def test_a_first_start_has_nothing_to_be_compared_with() -> None:
    simulation = Simulation()
    simulation.up(web(1, canary(hold=True)))
    assert simulation.until(lambda: simulation.state is RolloutState.COMPLETE) < 10.0


@pytest.mark.parametrize("strategy", list(Strategy))
def test_an_unchanged_component_has_no_canary_and_keeps_serving(strategy: Strategy) -> None:
    policy = canary(hold=True).model_copy(update={"strategy": strategy})
    simulation = Simulation().settled(web(1, policy), component("other"))
    simulation.up(web(1, policy), component("other", 2))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    touched = {each.instance for _, each in simulation.done if isinstance(each, Drain | Admit)}
    assert not [each for each in touched if "web" in each]


def test_blue_green_flips_in_one_look() -> None:
    policy = QUICK.model_copy(update={"strategy": Strategy.BLUE_GREEN, "order": Order.START_FIRST})
    simulation = Simulation().settled(web(1, policy, 5))
    simulation.up(web(2, policy, 5))
    looks = []
    while simulation.state is not RolloutState.BAKING:
        looks.append([type(each) for each in simulation.step().operations])
        assert simulation.serving("web") >= 5
    assert [each for each in looks if Start in each] == [[Start] * 5]
    assert [each for each in looks if Admit in each] == [[Admit] * 5]
    assert [each for each in looks if Drain in each] == [[Drain] * 5]
    assert looks.index([Drain] * 5) == looks.index([Admit] * 5) + 1
