"""Starts and stops are done one at a time for each instance, and what came of them is told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.carry_out import Hands, Outcome
from herdbook.actions.release_application import release_application
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import NotFoundError
from herdbook.drivers.fake import Behaviour, FakeEngine, FakeSwitch
from herdbook.fleet.applications import Component
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance, Role
from herdbook.recipes.model import Variant

TEXT = """
    services:
      web:
        image: web
        environment: {A: b}
        secrets: [password]
        configs: [{source: conf, target: /etc/conf}]
        volumes: ['data:/data', './here:/here:ro']
    secrets: {password: {file: p}}
    configs: {conf: {content: hello}}
    volumes: {data: }
"""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return fleet_workshop(tmp_path / "state")


@pytest.fixture
def engine(workshop: Workshop) -> FakeEngine:
    found = workshop.engines[Variant.CONTAINER]
    assert isinstance(found, FakeEngine)
    return found


@pytest.fixture
def web(workshop: Workshop, tmp_path: Path) -> Component:
    application = composed(tmp_path / "shop", TEXT, files={"p": "hunter2"})
    return release_application(workshop, MadeUpNetwork(), application).settings.components[0]


@pytest.fixture
def networks(workshop: Workshop, web: Component) -> dict[str, NetworkPlan]:
    del web
    found = workshop.fleet.find("shop")
    assert found
    for plan in found.networks.values():
        workshop.switch.lay(plan)
    return dict(found.networks)


@pytest.fixture
def record(workshop: Workshop, web: Component, networks: dict[str, NetworkPlan]) -> Instance:
    now = workshop.clock.now()
    addresses = {name: plan.subnet[2] for name, plan in networks.items()}
    return Instance("shop", "web", 0, 1, web.revision, 1, Role.STARTING, now, now, addresses)


@pytest.fixture
def hands(workshop: Workshop) -> Iterator[Hands]:
    with ThreadPoolExecutor(2) as pool:
        yield Hands(workshop, pool)


def outcome(hands: Hands) -> Outcome:
    """Wait for the one piece of work under way."""
    deadline = monotonic() + 20
    while monotonic() < deadline:
        if found := list(hands.finished()):
            assert len(found) == 1
            return found[0]
        sleep(0.01)
    raise AssertionError("nothing came of it")


def test_an_instance_is_started_with_all_that_it_needs(
    hands: Hands,
    engine: FakeEngine,
    web: Component,
    record: Instance,
    tmp_path: Path,
    networks: dict[str, NetworkPlan],
) -> None:
    hands.start(record, web, networks)
    assert outcome(hands) == Outcome(record, starts=True)
    [made] = engine.computer.of(tmp_path / "state")
    wanted = made.wanted
    assert (wanted.name, wanted.owner) == ("shop-web-0-1", "shop")
    assert wanted.environment == {"A": "b"}
    assert wanted.secrets == {"password": b"hunter2"}
    assert wanted.secret_paths == {"password": "/run/secrets/password"}
    assert wanted.plugs
    assert wanted.plugs.resolver == str(networks["default"].gateway)
    mounts = {each.target: each for each in wanted.mounts}
    assert mounts["/here"].source == tmp_path / "shop" / "here"
    assert mounts["/here"].read_only
    assert mounts["/etc/conf"].source.read_text() == "hello"
    assert mounts["/etc/conf"].read_only
    assert not mounts["/data"].read_only
    assert "hunter2" not in repr(wanted)


def test_one_thing_at_a_time_is_done_to_an_instance(
    hands: Hands, web: Component, record: Instance, networks: dict[str, NetworkPlan]
) -> None:
    hands.start(record, web, networks)
    hands.start(record, web, networks)
    hands.stop(record, web, failed=False)
    assert hands.busy == {record.name}
    assert outcome(hands).starts
    assert not hands.busy


def test_what_cannot_be_started_says_why(
    hands: Hands,
    engine: FakeEngine,
    web: Component,
    record: Instance,
    networks: dict[str, NetworkPlan],
) -> None:
    engine.computer.behave(lambda _: Behaviour(refusal="no room"))
    hands.start(record, web, networks)
    found = outcome(hands)
    assert found.error
    assert "no room" in found.error.message


def test_a_fault_of_ours_ends_one_start_and_not_the_server(
    hands: Hands, web: Component, record: Instance
) -> None:
    hands.start(record, web, {})  # a network that is nowhere
    found = outcome(hands)
    assert found.error
    assert found.record == record


def test_a_secret_that_is_gone_is_told(
    hands: Hands,
    workshop: Workshop,
    web: Component,
    record: Instance,
    networks: dict[str, NetworkPlan],
) -> None:
    workshop.vault.forget("shop")
    hands.start(record, web, networks)
    assert isinstance(outcome(hands).error, NotFoundError)


def test_what_is_stopped_leaves_nothing_but_its_data(
    hands: Hands,
    workshop: Workshop,
    engine: FakeEngine,
    web: Component,
    record: Instance,
    networks: dict[str, NetworkPlan],
) -> None:
    switch = workshop.switch
    assert isinstance(switch, FakeSwitch)
    hands.start(record, web, networks)
    outcome(hands)
    assert switch.plugged() == {record.name}
    hands.stop(record, web, failed=False)
    assert outcome(hands) == Outcome(record, starts=False)
    assert not engine.observe()
    assert not switch.plugged()


@pytest.mark.parametrize("known", [True, False])
def test_what_was_never_there_is_stopped_all_the_same(
    hands: Hands, web: Component, record: Instance, *, known: bool
) -> None:
    hands.stop(replace(record, slot=9), web if known else None, failed=True)
    assert outcome(hands).error is None
