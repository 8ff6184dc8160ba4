"""The promises of the Names port, proven on every driver."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from names_benches import DnsmasqBench, FakeNamesBench, NamesBench
from switch_networks import at, plans

from herdbook.core.errors import InvalidInputError
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.ports import Names

pytestmark = pytest.mark.alone  # networks

Networks = tuple[NetworkPlan, NetworkPlan, NetworkPlan]


@pytest.fixture(params=["fake", pytest.param("dnsmasq", marks=pytest.mark.root)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NamesBench]:
    made = DnsmasqBench(tmp_path) if request.param == "dnsmasq" else FakeNamesBench(tmp_path)
    yield made
    made.clear()


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    return plans(tmp_path)


@pytest.fixture
def names(bench: NamesBench, networks: Networks) -> Names:
    """Serves the front and the back, and publishes one name."""
    front, back, _ = networks
    made = bench.names()
    made.serve("shop", [front, back], [])
    made.publish("shop", {"db": [front.subnet[3], front.subnet[4]]})
    return made


@pytest.mark.usefixtures("names")
def test_published_names_are_answered_short_and_in_the_domain(
    bench: NamesBench, networks: Networks
) -> None:
    front, _, _ = networks
    for name in ("db", "db.shop.internal"):
        assert bench.ask(front, name) == {front.subnet[3], front.subnet[4]}


@pytest.mark.usefixtures("names")
def test_unknown_names_are_not_answered(bench: NamesBench, networks: Networks) -> None:
    front, _, _ = networks
    for name in ("web", "web.shop.internal", "db.db", "shop.internal"):
        assert bench.ask(front, name) is None


@pytest.mark.usefixtures("names")
def test_every_network_of_the_application_answers_and_no_other(
    bench: NamesBench, networks: Networks
) -> None:
    front, back, inner = networks
    assert bench.ask(back, "db") == {front.subnet[3], front.subnet[4]}
    assert bench.ask(inner, "db") is None


def test_publishing_replaces_all_names(bench: NamesBench, names: Names, networks: Networks) -> None:
    front, _, _ = networks
    names.publish("shop", {"web": [front.subnet[5]], "db-1.db": [front.subnet[6]]})
    assert bench.ask(front, "web") == {front.subnet[5]}
    assert bench.ask(front, "db-1.db") == {front.subnet[6]}
    assert bench.ask(front, "db") is None
    names.publish("shop", {})
    assert bench.ask(front, "web") is None


def test_of_a_name_in_two_networks_each_hears_its_own_address(
    bench: NamesBench, names: Names, networks: Networks
) -> None:
    front, back, _ = networks
    names.publish("shop", {"db": [front.subnet[3], back.subnet[3]]})
    assert bench.ask(front, "db") == {front.subnet[3]}
    assert bench.ask(back, "db") == {back.subnet[3]}


@pytest.mark.usefixtures("names")
def test_another_object_finds_and_ends_it(bench: NamesBench, networks: Networks) -> None:
    front, back, _ = networks
    bench.names().serve("shop", [front, back], [])
    assert bench.ask(front, "db") == {front.subnet[3], front.subnet[4]}
    bench.names().publish("shop", {"db": [front.subnet[7]]})
    assert bench.ask(front, "db") == {front.subnet[7]}
    bench.names().end("shop")
    assert bench.ask(front, "db") is None


def test_names_may_be_published_before_anybody_is_served(
    bench: NamesBench, networks: Networks
) -> None:
    front, _, _ = networks
    bench.names().publish("shop", {"db": [front.subnet[3]]})
    assert bench.ask(front, "db") is None
    bench.names().serve("shop", [front], [])
    assert bench.ask(front, "db") == {front.subnet[3]}


def test_networks_may_change(bench: NamesBench, names: Names, networks: Networks) -> None:
    front, back, inner = networks
    names.serve("shop", [back, inner], [])
    assert bench.ask(inner, "db") == {front.subnet[3], front.subnet[4]}
    assert bench.ask(front, "db") is None
    names.serve("shop", [], [])
    assert bench.ask(inner, "db") is None


def test_ended_application_is_forgotten(
    bench: NamesBench, names: Names, networks: Networks
) -> None:
    front, _, _ = networks
    names.end("shop")
    names.end("shop")
    names.serve("shop", [front], [])
    assert bench.ask(front, "db") is None


def test_another_state_directory_does_not_see_it(
    bench: NamesBench, names: Names, networks: Networks, tmp_path: Path
) -> None:
    del names
    front, _, _ = networks
    other = bench.names(tmp_path / "other")
    other.publish("shop", {"web": [front.subnet[5]]})
    other.end("shop")
    assert bench.ask(front, "db") == {front.subnet[3], front.subnet[4]}


def test_machines_are_given_their_addresses_and_strangers_none(
    bench: NamesBench, names: Names, networks: Networks
) -> None:
    front, back, _ = networks
    machines = [at(front, 5), at(back, 6)]
    names.serve("shop", [front, back], machines)
    assert [bench.lease(each) for each in machines] == [each.address for each in machines]
    assert bench.lease(at(front, 7)) is None
    names.serve("shop", [front, back], [at(front, 7)])
    assert bench.lease(at(front, 7)) == front.subnet[7]
    assert bench.lease(at(front, 5)) is None
    assert bench.ask(front, "db") == {front.subnet[3], front.subnet[4]}


@pytest.mark.parametrize("name", ["", "a b", "-db", "db\n", "a..b", "a" * 64])
def test_what_is_no_name_is_refused_and_changes_nothing(
    bench: NamesBench, names: Names, networks: Networks, name: str
) -> None:
    front, _, _ = networks
    with pytest.raises(InvalidInputError):
        names.publish("shop", {"web": [front.subnet[2]], name: [front.subnet[2]]})
    assert bench.ask(front, "db") == {front.subnet[3], front.subnet[4]}
    with pytest.raises(InvalidInputError):
        names.publish("../shop", {})
