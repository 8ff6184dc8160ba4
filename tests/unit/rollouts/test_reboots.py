"""What went down with its machine is started again, and held against no release."""

from simulated import QUICK, Conduct, Simulation, component

from herdbook.fleet.applications import Component
from herdbook.fleet.records import Role
from herdbook.rollouts.model import RolloutState


def web(version: int = 1, **more: object) -> Component:
    return component("web", version, **{"replicas": 3, **more})  # type: ignore[arg-type]


def test_a_first_release_that_served_goes_on_after_a_reboot() -> None:
    """There is none before it to go back to: it would wait for a person, and nothing would run."""
    simulation = Simulation()
    simulation.up(component("db"), web(depends_on={"db": "service_healthy"}))
    simulation.until(lambda: simulation.serving("web") >= 1)
    simulation.reboot()
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web") == 3


def test_a_rollout_is_not_taken_back_for_a_reboot() -> None:
    """Neither for those that had served for a while, nor for those that had just begun to."""
    for seconds in (0.0, QUICK.monitor_seconds + 1.0):
        simulation = Simulation().settled(web())
        simulation.up(web(2))
        simulation.until(lambda now=simulation: now.serving("web", 2) >= 2)  # type: ignore[misc]
        simulation.pass_time(seconds)
        simulation.reboot()
        simulation.until(lambda now=simulation: now.state is RolloutState.COMPLETE)  # type: ignore[misc]
        assert RolloutState.ROLLING_BACK not in simulation.moves
        assert simulation.serving("web", 2) == 3


def test_a_rollout_that_bakes_is_not_taken_back_for_a_reboot() -> None:
    simulation = Simulation().settled(web())
    simulation.up(web(2))
    simulation.until(lambda: simulation.state is RolloutState.BAKING)
    simulation.reboot()
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.serving("web", 2) == 3


def test_a_job_that_a_reboot_cut_off_is_done_again() -> None:
    simulation = Simulation()
    job = component("migrate", job=True)
    simulation.up(job, web(depends_on={"migrate": "service_completed_successfully"}))
    simulation.until(lambda: bool(simulation.named("migrate", Role.STARTING)))
    simulation.step()
    simulation.reboot()
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
    assert simulation.named("migrate", Role.DONE)


def test_what_fails_after_a_reboot_is_held_against_its_release() -> None:
    simulation = Simulation().settled(web())
    simulation.up(web(2))
    simulation.until(lambda: simulation.serving("web", 2) >= 1)
    simulation.reboot()
    simulation.behave(web(2), Conduct(dies_after=0.5))
    simulation.until(lambda: simulation.state is RolloutState.ROLLED_BACK)
    assert simulation.serving("web", 1) == 3


def test_the_time_in_which_a_machine_was_off_makes_no_rollout_stuck() -> None:
    simulation = Simulation().settled(web())
    simulation.up(web(2))
    simulation.until(lambda: simulation.serving("web", 2) >= 1)
    simulation.reboot(seconds_off=5000.0)
    simulation.until(lambda: simulation.state is RolloutState.COMPLETE)
