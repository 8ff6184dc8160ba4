"""However the fleet's server is killed, the next one brings about just what was wanted.

The register is real, and so is all of our own code; the machine is made up
(tests/support/fake_fleet.py). A scenario runs undisturbed once. Wherever an act has changed what
outlives the program, before it and after it, a copy of just that is what a kill leaves behind:
another program takes over from there, alone.
"""

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from fake_fleet import Ground, Killed, World, new_world
from fleet_promises import Guard, Memory, check_end, check_idle, check_rest, check_standing
from fleet_scenarios import SCENARIOS, Scenario, up

from herdbook.core.errors import ConflictError, EngineError
from herdbook.drivers.fake import Act, CrashAt
from herdbook.rollouts.model import RolloutState

LONG = os.environ.get("HERDBOOK_CRASHES") == "long"
STRIDE = 1 if LONG else 10
"""Every so-manieth point is tried; which of them differs from scenario to scenario."""

RARE_STRIDE = 2 if LONG else 40
"""The same for what is tried with several faults each, or with another kill while recovering."""

TIMES = 40 if LONG else 1
"""How often chance decides, for each scenario."""

TROUBLED_SECONDS = 10.0

STEADY = [each for each in SCENARIOS if each.ends is not RolloutState.PAUSED]
"""What comes to rest even if a rollout waits earlier: a bad first release is healed for ever."""

Befall = Callable[[World], None]

FAULTS: dict[str, Befall] = {
    "started anew": lambda world: world.reboot(emptied=False),
    "started anew, with nothing on it": lambda world: world.reboot(emptied=True),
    "without its balancer": World.kill_balancers,
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return Ground(tmp_path_factory.mktemp("state"))


def begun(ground: Ground, scenario: Scenario) -> World:
    """Return a world in which a scenario's first release stands, and its script is to come."""
    first = scenario.first
    name = first.digest if first is not None else ""
    if name not in ground.settled:
        made = new_world(ground)
        if first is not None:
            made.script = (up(first),)
            made.watch = Guard(made)
            made.serve()
            made.steps = 0
        ground.settled[name] = made
    world = ground.settled[name].copy()
    world.script = scenario.script
    return world


def killed_everywhere(world: World, each: Callable[[World, str], None], stride: int) -> int:
    """Run a program to rest, and give `each` what a kill at every point would leave behind.

    Returns how many points there are.
    """
    points, before, guard = 0, world.facts(), Guard(world)
    first = random.Random(str(before)).randrange(stride)  # noqa: S311 - no secret

    def watch(act: Act) -> None:
        nonlocal points, before
        guard(act)
        if (facts := world.facts()) == before and points:
            return
        before, points = facts, points + 1
        if points % stride == first:
            left = world.copy()
            each(left, f"killed {act.moment} {act.what} {act.name} (point {points})")
            left.close()

    world.watch = watch
    world.serve()
    return points


def recovered(world: World) -> None:
    """Have another program take over, and yet another one that finds nothing to do."""
    memory = Memory(world)
    world.watch = Guard(world)
    world.serve()
    check_rest(world)
    memory.check(world)
    before, guard = world.facts(), Guard(world)
    world.watch = guard
    world.serve()
    check_idle(guard.acts)
    assert world.facts() == before


def where_starts_were_cut_off(world: World, each: Callable[[World, str], None]) -> None:
    """Run a program to rest, and give `each` what a kill within a start leaves behind."""
    guard = Guard(world)

    def watch(act: Act) -> None:
        guard(act)
        if (act.what, act.moment) == ("engine.start", "before"):
            left = world.copy()
            left.half_start(act.name)
            each(left, f"killed within {act.what} {act.name}")
            left.close()

    world.watch = watch
    world.serve()


@contextlib.contextmanager
def told(scenario: Scenario, where: str, world: World) -> Iterator[None]:
    """Where a check fails in the block, tell what was done to which scenario."""
    try:
        yield
    except AssertionError as error:
        words = f"{scenario.name}, {where}: {error}\n{world.describe()}"
        raise AssertionError(words) from error


def check_taken_over(scenario: Scenario, world: World, where: str) -> None:
    """Another program takes over, and brings about the scenario's end."""
    with told(scenario, where, world):
        recovered(world)
        check_end(world, scenario)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_killed_server_is_taken_over_from(ground: Ground, scenario: Scenario) -> None:
    world = begun(ground, scenario)
    assert killed_everywhere(world, partial(check_taken_over, scenario), STRIDE)
    check_rest(world)
    check_end(world, scenario)
    world.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_server_is_taken_over_from_whatever_befell_the_machine_meanwhile(
    ground: Ground, scenario: Scenario
) -> None:
    """It is held against no release: it comes to the same end."""

    def take_over(world: World, where: str) -> None:
        for fault, befall in FAULTS.items():
            struck = world.copy()
            befall(struck)
            check_taken_over(scenario, struck, f"{where}, {fault}")
            struck.close()

    world = begun(ground, scenario)
    killed_everywhere(world, take_over, RARE_STRIDE)
    world.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_server_that_is_killed_while_it_takes_over_is_taken_over_from(
    ground: Ground, scenario: Scenario
) -> None:
    def again(world: World, where: str) -> None:
        def take_over(left: World, then: str) -> None:
            check_taken_over(scenario, left, f"{where}, then {then}")

        killed_everywhere(world, take_over, RARE_STRIDE)

    world = begun(ground, scenario)
    killed_everywhere(world, again, RARE_STRIDE)
    world.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_nothing_that_is_done_on_the_way_out_does_harm(ground: Ground, scenario: Scenario) -> None:
    """The program is left by an exception that nothing of ours catches, also within a commit."""
    first = begun(ground, scenario)
    chance = random.Random(scenario.name)  # noqa: S311 - no secret
    counted = first.copy()
    acts = CrashAt(0, Killed)
    counted.watch = acts
    counted.serve()
    counted.close()
    for number in range(TIMES * 2):
        world = first.copy()
        within = number % 2 == 1
        if within:
            world.break_commit(chance.randrange(1, counted.commits + 1))
        else:
            world.watch = CrashAt(chance.randrange(1, len(acts.acts)), Killed)
        with pytest.raises(Killed):
            world.serve()
        check_taken_over(scenario, world, "left by an exception")
        world.close()
    first.close()


@pytest.mark.parametrize("scenario", STEADY, ids=lambda each: each.name)
def test_whatever_fails_for_a_while_is_made_good(ground: Ground, scenario: Scenario) -> None:
    """Any driver may fail at anything, and the register may be busy; nothing needs a new start."""
    first = begun(ground, scenario)
    for number in range(TIMES):
        world = first.copy()
        guard = Guard(world)
        chance = random.Random(f"{scenario.name} {number}")  # noqa: S311 - no secret
        until = world.machine.clock.monotonic_seconds() + TROUBLED_SECONDS

        def watch(
            act: Act, world: World = world, guard: Guard = guard, until: float = until,
            chance: random.Random = chance,
        ) -> None:  # fmt: skip
            guard(act)
            troubled = world.machine.clock.monotonic_seconds() < until
            if act.moment == "before" and troubled and chance.random() < 0.1:
                if act.what.startswith("register"):
                    raise ConflictError("The database cannot be written: it is locked")
                raise EngineError(f"{act.what} failed")

        world.watch = watch
        with told(scenario, f"troubled ({number})", world):
            world.serve()
            check_rest(world)
            check_standing(world)
        world.close()
    first.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_start_that_was_cut_off_is_held_against_nobody(
    ground: Ground, scenario: Scenario
) -> None:
    """The engine has begun, and the instance never ran: no release is taken back for that."""
    world = begun(ground, scenario)
    where_starts_were_cut_off(world, partial(check_taken_over, scenario))
    world.close()
