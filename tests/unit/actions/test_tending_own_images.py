"""The server starts nothing that is revoked, replaces what must not run on, and counts serving."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from advised_images import CVE, OLD_SSL, add_holding, exploited, import_feed, tracker
from channel_images import add_version, add_versions
from fake_fleet import Here
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.release_application import release_application
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.roll_out import abort, resume, roll_out
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.drivers.fake import FakeDeaths, FakeEngine, FakeProber
from herdbook.fleet.records import Role
from herdbook.loops.reconcile import Reconciler
from herdbook.recipes.model import Variant
from herdbook.rollouts.model import Rollout, RolloutState

LATER_SECONDS = 3600.0
LEVELS: Mapping[str, tuple[Level, ...]] = {
    "releases": (Level.BUILDS, Level.RELEASES),
    "restarts": (Level.BUILDS, Level.RELEASES, Level.RESTARTS),
    "running": tuple(Level),
}


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One with three versions of shop/web."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 3)
    return made


@pytest.fixture
def engine(workshop: Workshop) -> FakeEngine:
    found = workshop.engines[Variant.CONTAINER]
    assert isinstance(found, FakeEngine)
    return found


@pytest.fixture
def loop(workshop: Workshop, engine: FakeEngine, tmp_path: Path) -> Iterator[Reconciler]:
    said: list[str] = []
    prober = FakeProber(engine.computer, tmp_path / "state", workshop.clock)
    deaths = FakeDeaths(engine.computer, workshop.clock, pause_seconds=0.1)
    yield Reconciler(workshop, prober, deaths, Here(), said.append)
    assert not [each for each in said if "a fault in Herdbook" in each]


BringUp = Callable[..., Rollout]


@pytest.fixture
def begin(workshop: Workshop, tmp_path: Path) -> BringUp:
    """Return what begins a rollout to a release with an image."""

    def act(image: str, bake: str = "1s") -> Rollout:
        wishes = f"{{image: '{image}', bake: {bake}}}"
        text = f"services: {{web: {{image: x, deploy: {{replicas: 2}}, x-herdbook: {wishes}}}}}"
        files = composed(tmp_path / "shop", text)
        rollout = roll_out(workshop, release_application(workshop, MadeUpNetwork(), files))
        assert rollout
        return rollout

    return act


@pytest.fixture
def bring_up(begin: BringUp, workshop: Workshop, loop: Reconciler) -> BringUp:
    """Return what brings a release with an image up, to the end."""

    def act(image: str) -> Rollout:
        number = begin(image).after
        go_on(loop)
        assert standing(workshop) == number
        return newest(workshop)

    return act


def go_on(loop: Reconciler, turns: int = 400) -> None:
    for _ in range(turns):
        loop.turn()
        loop.wait()


def standing(workshop: Workshop) -> int:
    found = workshop.fleet.find("shop")
    assert found
    return found.standing


def newest(workshop: Workshop) -> Rollout:
    found = workshop.fleet.newest("shop")
    assert found
    return found


def declare_bad(
    workshop: Workshop, name: str, level: str, *, seconds: float = 0, inherited: bool = True
) -> None:
    at = workshop.clock.now() + timedelta(seconds=seconds)
    since = dict.fromkeys(LEVELS[level], at)
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since, inherited=inherited))


def kill_one(workshop: Workshop, engine: FakeEngine, tmp_path: Path) -> None:
    first = workshop.fleet.instances("shop")[0].name
    engine.computer.end(tmp_path / "state", first, "It was killed")


def serves(workshop: Workshop) -> list[int]:
    """Return the releases of all that serves."""
    found = workshop.fleet.instances("shop")
    return sorted(each.release for each in found if each.role is Role.SERVING)


def said(workshop: Workshop) -> str:
    return "\n".join(each.words for each in workshop.fleet.happenings("shop"))


# No restarts


def test_what_dies_and_must_not_be_started_is_not_replaced_and_that_is_said(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, engine: FakeEngine, tmp_path: Path
) -> None:
    bring_up("shop/web:1")
    declare_bad(workshop, "shop/web:1", "restarts")
    go_on(loop, 50)
    kill_one(workshop, engine, tmp_path)
    go_on(loop)
    assert serves(workshop) == [1]
    assert said(workshop).count("release 1 is not started any more: shop/web:1 is revoked") == 1


def test_what_is_only_not_to_be_released_is_replaced_where_it_dies(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, engine: FakeEngine, tmp_path: Path
) -> None:
    bring_up("shop/web:1")
    declare_bad(workshop, "shop/web:1", "releases")
    go_on(loop, 50)
    kill_one(workshop, engine, tmp_path)
    go_on(loop)
    assert serves(workshop) == [1, 1]


def test_what_is_reinstated_is_started_again(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, engine: FakeEngine, tmp_path: Path
) -> None:
    bring_up("shop/web:1")
    declare_bad(workshop, "shop/web:1", "restarts")
    go_on(loop, 50)
    kill_one(workshop, engine, tmp_path)
    go_on(loop)
    reinstate(workshop, "shop/web:1")
    go_on(loop)
    assert serves(workshop) == [1, 1]


def test_what_is_declared_bad_alone_after_all_lets_what_was_made_from_it_be_started(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, engine: FakeEngine, tmp_path: Path
) -> None:
    """The levels are the same, and from when they hold; whom it reaches is not."""
    add_version(workshop, "shop/till", ("shop/web", 1))
    bring_up("shop/till:1")
    declare_bad(workshop, "shop/web:1", "restarts")
    go_on(loop, 50)
    kill_one(workshop, engine, tmp_path)
    go_on(loop)
    assert serves(workshop) == [1]
    declare_bad(workshop, "shop/web:1", "restarts", inherited=False)
    go_on(loop)
    assert serves(workshop) == [1, 1]


# Not running


def test_what_must_not_run_goes_back_to_the_newest_release_that_stood_and_may(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    for number in (1, 2, 3):
        bring_up(f"shop/web:{number}")
    declare_bad(workshop, "shop/web:2", "releases")
    declare_bad(workshop, "shop/web:3", "running")
    go_on(loop)
    assert (standing(workshop), serves(workshop)) == (1, [1, 1])
    assert "what runs must not: shop/web:3 is revoked: it leaks; release 1 takes" in said(workshop)


def test_a_release_that_never_stood_takes_no_ones_place(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    """Its rollout was under way when another one took its place."""
    bring_up("shop/web:1")
    begin("shop/web:2", bake="1h")
    go_on(loop, 50)
    bring_up("shop/web:3")
    declare_bad(workshop, "shop/web:3", "running")
    go_on(loop)
    assert standing(workshop) == 1


def test_where_nothing_may_take_its_place_it_runs_on_and_that_is_said(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    bring_up("shop/web:1")
    bring_up("shop/web:2")
    before = newest(workshop)
    declare_bad(workshop, "shop/web:1", "releases")
    declare_bad(workshop, "shop/web:2", "running")
    go_on(loop)
    assert (standing(workshop), serves(workshop), newest(workshop)) == (2, [2, 2], before)
    assert "shop/web:2 is revoked: it leaks; nothing can replace it" in said(workshop)


def test_what_was_made_from_a_revoked_version_is_replaced_too(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    add_version(workshop, "shop/till", ("shop/web", 2))
    bring_up("shop/web:1")
    bring_up("shop/till:1")
    declare_bad(workshop, "shop/web:2", "running")
    go_on(loop)
    assert (standing(workshop), serves(workshop)) == (1, [1, 1])


@pytest.mark.parametrize("anew", [False, True])
def test_it_is_replaced_on_its_day_whether_the_server_ran_meanwhile_or_not(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, *, anew: bool
) -> None:
    """Nobody does anything on that day."""
    bring_up("shop/web:1")
    bring_up("shop/web:2")
    declare_bad(workshop, "shop/web:2", "running", seconds=LATER_SECONDS)
    go_on(loop)
    assert standing(workshop) == 2
    workshop.clock.sleep(LATER_SECONDS)
    if anew:
        loop = Reconciler(workshop, loop.prober, loop.deaths, Here(), loop.say)
    go_on(loop)
    assert (standing(workshop), serves(workshop)) == (1, [1, 1])


# While a rollout is under way


def test_a_rollout_to_what_becomes_revoked_is_taken_back(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    bring_up("shop/web:1")
    begin("shop/web:2", bake="1h")
    go_on(loop)
    assert newest(workshop).state is RolloutState.BAKING
    declare_bad(workshop, "shop/web:2", "releases")
    go_on(loop)
    assert newest(workshop).state is RolloutState.ROLLED_BACK
    assert (standing(workshop), serves(workshop)) == (1, [1, 1])
    assert "release 2 must not run: shop/web:2 is revoked: it leaks" in said(workshop)


def test_a_rollout_waits_where_what_was_there_before_is_revoked_as_well(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    bring_up("shop/web:1")
    begin("shop/web:2", bake="1h")
    go_on(loop)
    declare_bad(workshop, "shop/web:1", "releases")
    declare_bad(workshop, "shop/web:2", "releases")
    go_on(loop)
    found = newest(workshop)
    assert found.state is RolloutState.FROZEN
    assert "release 1 must not run: shop/web:1 is revoked" in found.reason


def test_nothing_goes_back_by_itself_to_what_is_known_to_be_exploited(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    """The new one is bad, the old one is worse: a person decides, and may say so."""
    bring_up("shop/web:1")
    old = add_holding(workshop, OLD_SSL)
    bring_up(old.label)
    import_feed(workshop, tracker())
    import_feed(workshop, exploited())
    begin("shop/web:3", bake="1h")
    go_on(loop)
    declare_bad(workshop, "shop/web:3", "releases")
    go_on(loop)
    found = newest(workshop)
    assert found.state is RolloutState.FROZEN
    assert f"a person decides on release 2: {CVE} in it is known to be exploited" in found.reason
    abort(workshop, "shop")
    go_on(loop)
    assert newest(workshop).state is RolloutState.ROLLED_BACK
    assert standing(workshop) == 2


def test_what_nobody_exploits_is_gone_back_to(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    old = add_holding(workshop, OLD_SSL)
    bring_up(old.label)
    import_feed(workshop, tracker())
    begin("shop/web:3", bake="1h")
    go_on(loop)
    declare_bad(workshop, "shop/web:3", "releases")
    go_on(loop)
    assert newest(workshop).state is RolloutState.ROLLED_BACK


def test_the_first_rollout_of_all_waits_and_goes_on_where_it_is_reinstated(
    workshop: Workshop, loop: Reconciler, begin: BringUp
) -> None:
    begin("shop/web:1", bake="1h")
    go_on(loop, 5)
    declare_bad(workshop, "shop/web:1", "releases")
    go_on(loop)
    assert newest(workshop).state is RolloutState.PAUSED
    assert "there is no release before to go back to" in newest(workshop).reason
    reinstate(workshop, "shop/web:1")
    resume(workshop, "shop")
    go_on(loop)
    assert serves(workshop) == [1, 1]


def test_a_way_back_to_what_becomes_revoked_waits(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp, begin: BringUp
) -> None:
    bring_up("shop/web:1")
    begin("shop/web:2", bake="1h")
    go_on(loop)
    declare_bad(workshop, "shop/web:2", "releases")
    while newest(workshop).state is RolloutState.BAKING:
        go_on(loop, 1)
    assert newest(workshop).state is RolloutState.ROLLING_BACK
    declare_bad(workshop, "shop/web:1", "releases")
    loop.wake()
    go_on(loop)
    assert newest(workshop).state is RolloutState.ROLLBACK_PAUSED


# How long versions serve


def served(workshop: Workshop, number: int) -> float:
    return workshop.channels.served(("shop/web", number)).total_seconds()


def pass_time(workshop: Workshop, loop: Reconciler, seconds: float) -> None:
    until = workshop.clock.monotonic_seconds() + seconds
    while workshop.clock.monotonic_seconds() < until:
        go_on(loop, 1)


def test_time_counts_in_which_an_instance_serves_once_however_many_do(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    bring_up("shop/web:1")
    before = served(workshop, 1)
    pass_time(workshop, loop, 600)
    assert 540 <= served(workshop, 1) - before <= 660
    assert served(workshop, 2) == 0


def test_time_in_which_nothing_of_it_serves_does_not_count(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    bring_up("shop/web:1")
    bring_up("shop/web:2")
    before = served(workshop, 1)
    pass_time(workshop, loop, 300)
    assert served(workshop, 1) == before
    assert served(workshop, 2) > 200


def test_what_nobody_saw_does_not_count(
    workshop: Workshop, loop: Reconciler, bring_up: BringUp
) -> None:
    """The server was stopped, or this computer slept: who knows what served meanwhile?"""
    bring_up("shop/web:1")
    before = served(workshop, 1)
    workshop.clock.sleep(10_000)
    go_on(loop, 1)
    assert served(workshop, 1) == before
