"""The promises of the Switch port, proven on every driver."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from switch_benches import BridgeBench, FakeSwitchBench, SwitchBench, clear
from switch_networks import at, plans

from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.fleet.instances import Plugs
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.ports import Switch

pytestmark = pytest.mark.alone  # networks


@pytest.fixture(params=["fake", pytest.param("bridge", marks=pytest.mark.root)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SwitchBench]:
    made = BridgeBench(tmp_path) if request.param == "bridge" else FakeSwitchBench(tmp_path)
    yield made
    clear(made.switch(), tmp_path)


@pytest.fixture
def switch(bench: SwitchBench) -> Switch:
    return bench.switch()


@pytest.fixture
def front(switch: Switch, tmp_path: Path) -> NetworkPlan:
    network, _, _ = plans(tmp_path)
    switch.lay(network)
    return network


@pytest.fixture
def back(switch: Switch, tmp_path: Path) -> NetworkPlan:
    _, network, _ = plans(tmp_path)
    switch.lay(network)
    return network


@pytest.fixture
def web(switch: Switch, front: NetworkPlan) -> Plugs:
    return switch.plug("web", [at(front, 2)], machine=False)


def test_containers_of_a_network_reach_each_other_and_the_gateway(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, web: Plugs
) -> None:
    other = switch.plug("db", [at(front, 3)], machine=False)
    assert bench.reaches("web", web, front.subnet[3])
    assert bench.reaches("db", other, front.subnet[2])
    assert bench.reaches("web", web, front.gateway)
    assert not bench.reaches("web", web, front.subnet[4])


def test_networks_do_not_reach_each_other(
    bench: SwitchBench, switch: Switch, back: NetworkPlan, web: Plugs
) -> None:
    switch.plug("db", [at(back, 2)], machine=False)
    assert not bench.reaches("web", web, back.subnet[2])
    assert not bench.reaches("web", web, back.gateway)


def test_container_in_two_networks_reaches_both(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, back: NetworkPlan, web: Plugs
) -> None:
    assert web.namespace
    both = switch.plug("both", [at(back, 2), at(front, 3)], machine=False)
    assert bench.reaches("both", both, front.subnet[2])
    assert bench.reaches("both", both, back.gateway)


def test_container_gets_a_namespace_and_the_names_of_its_first_network(
    front: NetworkPlan, web: Plugs
) -> None:
    assert web.namespace is not None
    assert (web.taps, web.resolver, web.search) == ((), str(front.gateway), "shop.internal")
    assert web.address == str(front.subnet[2])


def test_machine_gets_a_tap_with_its_hardware_address_for_each_network(
    switch: Switch, front: NetworkPlan, back: NetworkPlan
) -> None:
    attachments = [at(back, 2), at(front, 2)]
    plugs = switch.plug("vm", attachments, machine=True)
    hardware_addresses = [each.hardware_address for each in attachments]
    assert [tap.hardware_address for tap in plugs.taps] == hardware_addresses
    assert len({tap.device for tap in plugs.taps}) == 2
    assert (plugs.namespace, plugs.resolver) == (None, str(back.gateway))
    assert plugs.address == str(back.subnet[2])
    assert switch.plugged() == {"vm"}


def test_doing_it_twice_changes_nothing(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, web: Plugs
) -> None:
    switch.lay(front)
    assert switch.plug("web", [at(front, 2)], machine=False) == web
    assert bench.reaches("web", web, front.gateway)
    assert switch.plugged() == {"web"}


def test_a_network_is_there_until_nothing_is_left_of_it(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, tmp_path: Path
) -> None:
    assert bench.switch().is_laid(front.name)
    assert not bench.switch(tmp_path / "other").is_laid(front.name)
    switch.take_up(front.name)
    assert not bench.switch().is_laid(front.name)


def test_what_is_absent_is_no_error(switch: Switch) -> None:
    switch.unplug("absent")
    switch.take_up("absent")
    assert switch.plugged() == set()


def test_another_object_finds_and_removes_everything(
    bench: SwitchBench, front: NetworkPlan, web: Plugs
) -> None:
    other = bench.switch()
    assert other.plugged() == {"web"}
    assert other.plug("web", [at(front, 2)], machine=False) == web
    other.unplug("web")
    assert bench.switch().plugged() == set()


def test_another_state_directory_does_not_see_it(
    bench: SwitchBench, front: NetworkPlan, web: Plugs, tmp_path: Path
) -> None:
    other = bench.switch(tmp_path / "other")
    assert other.plugged() == set()
    other.unplug("web")
    other.take_up(front.name)
    assert bench.switch().plugged() == {"web"}
    assert bench.reaches("web", web, front.gateway)


def test_what_one_state_directory_has_chosen_is_told_to_all_others(
    bench: SwitchBench, switch: Switch, tmp_path: Path
) -> None:
    network, _, _ = plans(tmp_path)
    with switch.choosing():
        switch.take([network])
    with bench.switch().choosing() as taken:
        assert network.subnet not in taken
    with bench.switch(tmp_path / "other").choosing() as taken:
        assert network.subnet in taken


def test_no_network_is_laid_where_one_of_another_state_directory_lies(
    bench: SwitchBench, front: NetworkPlan, tmp_path: Path
) -> None:
    other = bench.switch(tmp_path / "other")
    with pytest.raises(ConflictError, match=str(front.subnet)):
        other.lay(replace(front, name="other.front"))
    assert not other.is_laid("other.front")
    bench.switch().take_up(front.name)
    other.lay(front)
    other.take_up(front.name)


def test_instance_loses_a_network_that_is_taken_up_and_is_plugged_in_again(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, web: Plugs
) -> None:
    switch.take_up(front.name)
    assert not bench.reaches("web", web, front.gateway)
    switch.lay(front)
    assert switch.plug("web", [at(front, 2)], machine=False) == web
    # Its kernel looks for the gateway once a second while it has found none.
    assert any(bench.reaches("web", web, front.gateway) for _ in range(3))


def test_instance_moves_to_other_networks(
    bench: SwitchBench, switch: Switch, front: NetworkPlan, back: NetworkPlan, web: Plugs
) -> None:
    moved = switch.plug("web", [at(back, 5)], machine=False)
    assert moved.namespace == web.namespace
    assert bench.reaches("web", moved, back.gateway)
    assert not bench.reaches("web", moved, front.gateway)


def test_container_becomes_a_machine(switch: Switch, front: NetworkPlan, web: Plugs) -> None:
    assert web.namespace
    plugs = switch.plug("web", [at(front, 2)], machine=True)
    assert len(plugs.taps) == 1
    assert switch.plugged() == {"web"}
    switch.unplug("web")
    assert switch.plugged() == set()


def test_network_that_is_not_there_is_not_found(switch: Switch, tmp_path: Path) -> None:
    network, _, _ = plans(tmp_path)
    with pytest.raises(NotFoundError, match=network.name):
        switch.plug("web", [at(network, 2)], machine=False)
    assert switch.plugged() == set()


@pytest.mark.parametrize("name", ["", "../web", "A", "a b"])
def test_name_that_is_no_host_name_is_refused(switch: Switch, name: str) -> None:
    with pytest.raises(InvalidInputError):
        switch.plug(name, [], machine=False)
    with pytest.raises(InvalidInputError):
        switch.unplug(name)


def test_many_are_plugged_in_side_by_side(
    bench: SwitchBench, switch: Switch, front: NetworkPlan
) -> None:
    def plug(number: int) -> tuple[str, Plugs, IPv4Address]:
        name, place = f"web-{number}", at(front, number)
        return name, bench.switch().plug(name, [place], machine=False), place.address

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(plug, range(2, 8)))
    assert switch.plugged() == {name for name, _, _ in made}
    first, plugs, _ = made[0]
    assert all(bench.reaches(first, plugs, address) for _, _, address in made[1:])
