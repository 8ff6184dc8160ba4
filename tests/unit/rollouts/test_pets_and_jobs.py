"""Pets are replaced one at a time and never twice alive; jobs are run once for each revision."""

import pytest
from simulated import QUICK, Conduct, Simulation, component

from herdbook.compose.wishes import Strategy
from herdbook.fleet.applications import Canary, Component
from herdbook.fleet.records import Role
from herdbook.rollouts.model import RolloutState
from herdbook.rollouts.operations import Start


def pet(version: int = 1, **more: object) -> Component:
    return component("db", version, **{"replicas": 3, "pet": True, **more})  # type: ignore[arg-type]


def job(version: int = 1) -> Component:
    return component("migrate", version, job=True)


def web(version: int = 1) -> Component:
    return component("web", version, depends_on={"migrate": "service_completed_successfully"})


def run_alone(simulation: Simulation, state: RolloutState) -> None:
    """Look until the rollout is there, and see that no slot has two alive."""
    while simulation.state is not state:
        simulation.step()
        running = [each.slot for each in simulation.records.values() if simulation.runs(each)]
        assert len(running) == len(set(running))


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("parallelism", [0, 1, 3])
def test_pets_are_replaced_one_at_a_time_the_highest_first(
    strategy: Strategy, parallelism: int
) -> None:
    policy = QUICK.model_copy(
        update={"strategy": strategy, "parallelism": parallelism, "canary": Canary(hold=True)}
    )
    simulation = Simulation().settled(pet(update=policy))
    simulation.up(pet(2, update=policy))
    least = 3
    while simulation.state is not RolloutState.BAKING:
        simulation.step()
        least = min(least, simulation.serving("db"))
        running = [each.slot for each in simulation.records.values() if simulation.runs(each)]
        assert len(running) == len(set(running))
    assert least == 2
    assert [each.slot for _, each in simulation.done if isinstance(each, Start)] == [2, 1, 0]


def test_pets_come_up_the_first_one_first() -> None:
    simulation = Simulation()
    simulation.up(pet())
    run_alone(simulation, RolloutState.COMPLETE)
    assert [each.slot for _, each in simulation.done if isinstance(each, Start)] == [0, 1, 2]


def test_a_pet_that_fails_goes_back_alone() -> None:
    simulation = Simulation().settled(pet())
    simulation.behave(pet(2), Conduct(boots=False))
    simulation.up(pet(2))
    run_alone(simulation, RolloutState.ROLLED_BACK)
    assert simulation.serving("db", 1) == 3


def test_a_dead_pet_is_replaced_when_it_is_gone() -> None:
    simulation = Simulation()
    simulation.behave(pet(), Conduct(stop_seconds=3.0))
    simulation.settled(pet())
    simulation.kill("shop-db-1-1")
    simulation.run(2)
    assert [each.role for each in simulation.named("db") if each.slot == 1] == [Role.ENDING]
    assert simulation.until(lambda: simulation.serving("db") == 3) < 5.0


def test_a_pet_whose_start_was_cut_off_is_started_once() -> None:
    simulation = Simulation().settled(pet())
    simulation.kill("shop-db-1-1")
    simulation.step()
    simulation.cut_off = 1
    simulation.until(lambda: simulation.serving("db") == 3)
    assert len(simulation.records) == 3


def test_a_job_is_run_once_for_each_revision_before_what_depends_on_it() -> None:
    simulation = Simulation()
    simulation.up(job(), web())
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert [each.component for _, each in simulation.done if isinstance(each, Start)] == [
        "migrate",
        "web",
    ]
    simulation.done.clear()
    simulation.up(job(), web(2))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    simulation.up(job(2), web(3))
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert [each.component for _, each in simulation.done if isinstance(each, Start)] == [
        "web",
        "migrate",
        "web",
    ]
    assert len(simulation.records) == 2


def test_a_job_that_fails_keeps_what_depends_on_it_from_being_touched() -> None:
    simulation = Simulation().settled(job(), web())
    simulation.behave(job(2), Conduct(boots=False))
    simulation.up(job(2), web(2))
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert [each.component for _, each in simulation.done if isinstance(each, Start)] == ["migrate"]
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert simulation.serving("web", 1) == 1


def test_the_way_back_does_not_run_the_old_job_again() -> None:
    simulation = Simulation().settled(job(), web())
    simulation.behave(web(2), Conduct(boots=False))
    simulation.up(job(2), web(2))
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    simulation.until(lambda: not simulation.situation_plan().restless)
    assert [each.component for _, each in simulation.done if isinstance(each, Start)] == [
        "migrate",
        "web",
    ]
    (record,) = simulation.named("migrate")
    assert record.revision == job(1).revision


def test_two_revisions_of_a_job_never_run_side_by_side() -> None:
    simulation = Simulation().settled(job())
    simulation.behave(job(2), Conduct(job_seconds=20.0))
    simulation.up(job(2))
    simulation.run(2)
    simulation.up(job(3))
    run_alone(simulation, RolloutState.COMPLETE)
    assert simulation.named("migrate", Role.DONE, version=3)
