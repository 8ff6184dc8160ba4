"""The loop looks at the right times, and the trouble of one application is that of no other."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_fleet import Here
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.release_application import release_application
from herdbook.actions.roll_out import roll_out, take_down
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import EngineError
from herdbook.drivers.fake import FakeDeaths, FakeEngine, FakeProber, FakeSwitch
from herdbook.fleet.instances import Seen
from herdbook.fleet.records import Role
from herdbook.loops.reconcile import Reconciler, Rhythm
from herdbook.recipes.model import Variant
from herdbook.rollouts.model import RolloutState

TURNS = 400


def test_a_rhythm_is_due_at_once_and_then_as_often_as_it_says() -> None:
    rhythm = Rhythm(10)
    assert [now for now in range(35) if rhythm.is_due(now)] == [0, 10, 20, 30]


def test_a_rhythm_that_is_hurried_is_due_and_counts_anew() -> None:
    rhythm = Rhythm(10)
    assert rhythm.is_due(0)
    rhythm.hurry()
    assert rhythm.is_due(4)
    assert not rhythm.is_due(13)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return fleet_workshop(tmp_path / "state")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def loop(workshop: Workshop, tmp_path: Path, said: list[str]) -> Iterator[Reconciler]:
    """The loop; it goes on after a fault of ours, but there is to be none."""
    engine = workshop.engines[Variant.CONTAINER]
    assert isinstance(engine, FakeEngine)
    computer, clock = engine.computer, workshop.clock
    state: Any = tmp_path / "state"
    prober = FakeProber(computer, state, clock)
    deaths = FakeDeaths(computer, clock, pause_seconds=0.1)
    yield Reconciler(workshop, prober, deaths, Here(), said.append)
    assert not [each for each in said if "a fault in Herdbook" in each]


def bring_up(workshop: Workshop, folder: Path, name: str = "shop") -> None:
    text = "services: {web: {image: web, deploy: {replicas: 2}, x-herdbook: {bake: 1s}}}"
    release = release_application(workshop, MadeUpNetwork(), composed(folder / name, text))
    roll_out(workshop, release)


def go_on(loop: Reconciler, turns: int = TURNS) -> None:
    for _ in range(turns):
        loop.turn()
        loop.wait()


def roles(workshop: Workshop, name: str = "shop") -> list[Role]:
    return [each.role for each in workshop.fleet.instances(name)]


def test_an_application_is_brought_up(loop: Reconciler, workshop: Workshop, tmp_path: Path) -> None:
    bring_up(workshop, tmp_path)
    go_on(loop)
    rollout, application = workshop.fleet.newest("shop"), workshop.fleet.find("shop")
    assert rollout
    assert application
    assert (rollout.state, application.standing) == (RolloutState.COMPLETE, 1)
    assert roles(workshop) == [Role.SERVING] * 2
    *_, record = workshop.audit.records()
    assert (record.verb, record.subject) == ("rollout-complete", "shop")
    assert record.details["rollout"] == rollout.number


def test_of_an_application_that_is_down_nothing_is_left_or_made_again(
    loop: Reconciler, workshop: Workshop, tmp_path: Path
) -> None:
    switch = workshop.switch
    assert isinstance(switch, FakeSwitch)
    bring_up(workshop, tmp_path)
    go_on(loop)
    assert switch.cabling.networks
    take_down(workshop, "shop")
    loop.wake()
    go_on(loop)
    assert not roles(workshop)
    assert not switch.cabling.networks
    go_on(loop, 50)
    assert not switch.cabling.networks


def test_a_network_that_cannot_be_laid_is_told_to_whoever_waits_for_it(
    loop: Reconciler, workshop: Workshop, tmp_path: Path
) -> None:
    switch = workshop.switch
    assert isinstance(switch, FakeSwitch)
    bring_up(workshop, tmp_path)
    found = workshop.fleet.find("shop")
    assert found
    (plan,) = found.networks.values()
    FakeSwitch(tmp_path / "other", switch.cabling).lay(replace(plan, name="other_default"))
    go_on(loop)
    words = [each.words for each in workshop.fleet.happenings("shop")]
    assert len([each for each in words if "cannot be laid" in each]) == 1
    assert not roles(workshop)
    FakeSwitch(tmp_path / "other", switch.cabling).take_up("other_default")
    go_on(loop)
    assert roles(workshop) == [Role.SERVING] * 2


class Blind(FakeEngine):
    """An engine that cannot be asked for a while."""

    blind = False

    def observe(self) -> list[Seen]:
        if self.blind:
            raise EngineError("nobody answers")
        return super().observe()


def test_an_engine_that_cannot_be_asked_is_not_an_empty_one(
    loop: Reconciler, workshop: Workshop, tmp_path: Path, said: list[str]
) -> None:
    """What runs there goes on, and nothing is started in its place."""
    known = workshop.engines[Variant.CONTAINER]
    assert isinstance(known, FakeEngine)
    engine = Blind(tmp_path / "state", workshop.clock, known.computer)
    loop.workshop = replace(workshop, engines={Variant.CONTAINER: engine})
    bring_up(workshop, tmp_path)
    go_on(loop)
    before = workshop.fleet.instances("shop")
    engine.blind = True
    loop.wake()
    for _ in range(150):
        loop._guarded("the server", loop.turn)
        loop.wait()
    assert workshop.fleet.instances("shop") == before
    assert any("nobody answers" in each for each in said)


def test_applications_are_tended_side_by_side(
    loop: Reconciler, workshop: Workshop, tmp_path: Path
) -> None:
    """The networks of one are gone from under it; the other one comes up all the same."""
    bring_up(workshop, tmp_path, "broken")
    found = workshop.fleet.find("broken")
    assert found
    workshop.fleet.keep(replace(found, networks={}))
    bring_up(workshop, tmp_path, "well")
    go_on(loop, 150)
    assert roles(workshop, "well") == [Role.SERVING] * 2
    assert Role.SERVING not in roles(workshop, "broken")
