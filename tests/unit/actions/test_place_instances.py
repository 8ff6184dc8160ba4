"""Who is found under which name, and that doors come back where somebody has ended them."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from fleet_images import FOREIGN
from fleet_workshop import fleet_workshop

from herdbook.actions.place_instances import names, open_doors, place, serve_names
from herdbook.drivers.fake import FakeNames
from herdbook.drivers.fake.balancer import FakeBalancer
from herdbook.fleet.applications import (
    Component,
    DoorUse,
    InstanceSpec,
    NetworkUse,
    Release,
    Settings,
)
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance, Role
from herdbook.recipes.model import Variant
from herdbook.rollouts.ports import Application

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NETWORKS = {
    name: NetworkPlan(f"shop_{name}", IPv4Network(subnet), "shop.internal")
    for name, subnet in (("front", "10.0.0.0/24"), ("back", "10.0.1.0/24"))
}
SHOP = Application("shop", "/", 1, NETWORKS)


def component(name: str, *uses: NetworkUse, variant: Variant = Variant.CONTAINER) -> Component:
    spec = InstanceSpec(
        variant=variant, image="web", number=0, digest=FOREIGN.digest, networks=uses
    )
    door = DoorUse(name=f"{name}-80", port=8080, target=80)
    return Component(name=name, instance=spec, doors=(door,) if name == "web" else ())


def release(*components: Component, number: int = 1) -> Release:
    settings = Settings(application="shop", domain="x", components=components, networks=())
    return Release(application="shop", number=number, settings=settings, made_at=NOW)


WEB = component(
    "web",
    NetworkUse(network="front", aliases=("web", "Shop")),
    NetworkUse(network="back", aliases=("web",)),
)


def record(
    name: str = "web", slot: int = 0, role: Role = Role.SERVING, release: int = 1
) -> Instance:
    return Instance(
        application="shop",
        component=name,
        slot=slot,
        attempt=1,
        revision=WEB.revision,
        release=release,
        role=role,
        made_at=NOW,
        since=NOW,
        addresses={
            "front": IPv4Address(f"10.0.0.{slot + 2}"),
            "back": IPv4Address(f"10.0.1.{slot + 2}"),
        },
    )


def test_a_service_its_aliases_and_each_of_its_slots_have_names() -> None:
    found = names(release(WEB), [record(slot=0), record(slot=1)])
    front = [IPv4Address("10.0.0.2"), IPv4Address("10.0.0.3")]
    back = [IPv4Address("10.0.1.2"), IPv4Address("10.0.1.3")]
    assert {name: set(each) for name, each in found.items()} == {
        "web": {*front, *back},
        "shop": set(front),
        "web-0": {front[0], back[0]},
        "web-1": {front[1], back[1]},
    }


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVING])
def test_what_does_not_serve_is_not_found(role: Role) -> None:
    assert not names(release(WEB), [record(role=role)])


def test_what_an_earlier_release_had_is_found_as_long_as_it_serves() -> None:
    assert "old" in names(release(WEB), [record("old")])


def test_a_service_is_found_as_it_is_written_and_as_a_host_name() -> None:
    use = NetworkUse(network="front", aliases=("Web_Api",))
    found = names(release(component("Web_Api", use)), [record("Web_Api")])
    assert set(found) == {"web_api", "web-api", "web-api-0"}


def test_a_slot_does_not_answer_for_a_service_of_that_name() -> None:
    first = component("web-1", NetworkUse(network="front", aliases=("web-1",)))
    found = names(release(WEB, first), [record(slot=1), record("web-1", slot=5)])
    assert IPv4Address("10.0.0.3") not in found["web-1"]


def test_doors_that_somebody_has_ended_are_opened_again(tmp_path: Path) -> None:
    workshop = fleet_workshop(tmp_path / "state")
    balancer = workshop.balancer
    assert isinstance(balancer, FakeBalancer)
    open_doors(workshop, SHOP, release(WEB))
    balancer.machine.kill("shop")
    workshop.names.serve("shop", list(NETWORKS.values()), [])
    place(workshop, SHOP, release(WEB), [record()])
    assert list(balancer.members("shop")["web-80"]) == ["shop-web-0-1"]
    assert balancer.traffic("shop")


def test_an_application_without_doors_needs_no_balancer(tmp_path: Path) -> None:
    workshop = fleet_workshop(tmp_path / "state")
    place(workshop, SHOP, release(component("db")), [record("db")])


def test_only_machines_that_run_are_given_addresses(tmp_path: Path) -> None:
    workshop = fleet_workshop(tmp_path / "state")
    registered = workshop.names
    assert isinstance(registered, FakeNames)
    vm = component("db", NetworkUse(network="front"), variant=Variant.VM)
    was = component("web", variant=Variant.VM)
    records = [
        record("db", 0),
        record("db", 1, Role.ENDING),
        record("web", 2),
        replace(record("web", 3), release=7),
    ]
    releases = {1: release(vm, WEB), 7: release(was, number=7)}
    serve_names(workshop, SHOP, releases[1], records, releases)
    [book] = registered.books.books.values()
    assert {str(each.address) for each in book.machines} == {
        *("10.0.0.2", "10.0.1.2"),
        *("10.0.0.5", "10.0.1.5"),  # a machine of the release before, where it is a container now
    }
