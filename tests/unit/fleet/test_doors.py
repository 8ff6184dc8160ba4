"""Which doors a release opens, and who stands behind them."""

from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import (
    Component,
    DoorUse,
    InstanceSpec,
    Release,
    Settings,
)
from herdbook.fleet.balancing import DoorMode, MemberState
from herdbook.fleet.doors import Doors
from herdbook.fleet.records import Instance, Role
from herdbook.recipes.model import Variant

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def component(name: str, *doors: DoorUse, version: str = "1", replicas: int = 1) -> Component:
    spec = InstanceSpec(variant=Variant.CONTAINER, image="a", number=1, digest=of_bytes(b"a"))
    spec = spec.model_copy(update={"environment": {"VERSION": version}})
    return Component(name=name, replicas=replicas, instance=spec, doors=doors)


def settings(*components: Component) -> Settings:
    return Settings(application="shop", domain="x", components=components, networks=())


def door(name: str = "web-80", port: int = 8080, target: int = 80, **more: Any) -> DoorUse:
    return DoorUse(name=name, port=port, target=target, **more)


def record(of: Component, role: Role = Role.SERVING, release: int = 1, slot: int = 0) -> Instance:
    return Instance(
        application="shop",
        component=of.name,
        slot=slot,
        attempt=1,
        revision=of.revision,
        release=release,
        role=role,
        made_at=NOW,
        since=NOW,
        addresses={"default": IPv4Address("10.0.0.2")},
        weight=40,
    )


@pytest.mark.parametrize(
    ("role", "state"),
    [
        (Role.SERVING, MemberState.READY),
        (Role.DRAINING, MemberState.DRAINING),
        *((role, None) for role in (Role.STARTING, Role.WARM, Role.DONE, Role.ENDING)),
    ],
)
def test_behind_a_door_is_what_serves_or_still_drains(
    role: Role, state: MemberState | None
) -> None:
    web = component("web", door())
    found = Doors.of(settings(web)).members([record(web, role)])["web-80"]
    assert [each.state for each in found] == ([state] if state else [])
    assert all((each.port, each.weight) == (80, 40) for each in found)


def test_every_door_is_named_even_with_nobody_behind_it() -> None:
    doors = Doors.of(settings(component("web", door()), component("db")))
    assert doors.members([]) == {"web-80": []}


def test_what_the_release_does_not_have_stands_behind_no_door() -> None:
    doors = Doors.of(settings(component("web", door())))
    assert doors.members([record(component("old"))]) == {"web-80": []}


def test_what_has_no_address_stands_behind_no_door() -> None:
    web = component("web", door())
    unplugged = Instance(**{**vars(record(web)), "addresses": {}})
    assert Doors.of(settings(web)).members([unplugged]) == {"web-80": []}


@pytest.mark.parametrize(
    ("replicas", "slots"), [(0, 16), (1, 16), (8, 16), (9, 32), (100, 256), (1000, 2048)]
)
def test_a_door_has_room_for_old_and_new_ones(replicas: int, slots: int) -> None:
    [found] = Doors.of(settings(component("web", door(), replicas=replicas))).doors()
    assert found.slots == slots


def test_old_instances_are_reached_at_the_port_of_their_own_release() -> None:
    """A release that listens elsewhere does not cut off those it is to replace."""
    old = component("web", door("web-80", target=80), version="1")
    new = component("web", door("web-90", target=90), version="2")
    releases = {
        number: Release(application="shop", number=number, settings=settings(each), made_at=NOW)
        for number, each in ((1, old), (2, new))
    }
    found = Doors.of(settings(new)).members([record(old), record(new, release=2, slot=1)], releases)
    assert [each.port for each in found["web-90"]] == [80, 90]


def test_a_new_door_does_not_lead_to_what_knows_nothing_of_it() -> None:
    old, new = component("web"), component("web", door(), version="2")
    releases = {1: Release(application="shop", number=1, settings=settings(old), made_at=NOW)}
    assert Doors.of(settings(new)).members([record(old)], releases) == {"web-80": []}


def test_a_new_door_leads_to_instances_that_are_as_they_were() -> None:
    """Publishing a port is no reason to replace anything."""
    old, new = component("web"), component("web", door())
    assert old.revision == new.revision
    releases = {1: Release(application="shop", number=1, settings=settings(old), made_at=NOW)}
    assert len(Doors.of(settings(new)).members([record(old)], releases)["web-80"]) == 1


HTTP = DoorMode.HTTP


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"mode": HTTP}, {"mode": HTTP}),
        ({"mode": HTTP, "hosts": ("a",)}, {"mode": HTTP, "hosts": ("a", "b")}),
        ({"mode": HTTP, "hosts": ("a",)}, {"hosts": ("b",)}),
        ({"shared": True}, {}),
        ({"shared": True, "mode": HTTP}, {"shared": True}),
    ],
)
def test_two_services_that_want_one_place_are_named(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    web, shop = component("web", door("a", **one)), component("shop", door("b", **other))
    with pytest.raises(ConflictError, match=r"8080") as caught:
        Doors.of(settings(web, shop))
    assert "web" in caught.value.message
    assert "shop" in caught.value.message


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ({"mode": HTTP, "hosts": ("a",)}, {"mode": HTTP, "hosts": ("b",)}, 2),
        ({"mode": HTTP, "hosts": ("a",)}, {"mode": HTTP}, 2),
        ({"address": "127.0.0.1"}, {"address": "127.0.0.2"}, 2),
        ({}, {"port": 8081}, 2),
        ({"shared": True}, {"shared": True}, 1),
    ],
)
def test_doors_that_requests_tell_apart_may_be_at_one_place(
    one: dict[str, Any], other: dict[str, Any], count: int
) -> None:
    web, shop = component("web", door("a", **one)), component("shop", door("b", **other))
    assert len(Doors.of(settings(web, shop)).doors()) == count
