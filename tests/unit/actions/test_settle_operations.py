"""What operations change in the records, written down before anything is done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from time import perf_counter

import pytest
from fleet_images import FOREIGN

from herdbook.actions.settle_operations import Settled, settle
from herdbook.fleet.applications import (
    Component,
    InstanceSpec,
    NetworkUse,
    Release,
    Settings,
)
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance, Role
from herdbook.recipes.model import Variant
from herdbook.rollouts.operations import Admit, Drain, End, Finish, KeepWarm, Operation, Start
from herdbook.rollouts.ports import Application
from herdbook.rollouts.situation import Situation, SlotHistory

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
NETWORKS = {
    "front": NetworkPlan("shop_front", IPv4Network("10.0.0.0/16"), "shop.internal"),
    "back": NetworkPlan("shop_back", IPv4Network("10.1.0.0/29"), "shop.internal"),
}
SHOP = Application("shop", "/", 1, NETWORKS)


def component(*networks: str) -> Component:
    spec = InstanceSpec(
        variant=Variant.CONTAINER,
        image="web",
        number=0,
        digest=FOREIGN.digest,
        base=FOREIGN.base,
        networks=tuple(NetworkUse(network=name) for name in networks),
    )
    return Component(name="web", instance=spec)


WEB = component("front")


def settled(
    *operations: Operation,
    records: Sequence[Instance] = (),
    web: Component = WEB,
    histories: dict[tuple[str, int], SlotHistory] | None = None,
) -> Settled:
    settings = Settings(application="shop", domain="x", components=(web,), networks=())
    release = Release(application="shop", number=1, settings=settings, made_at=NOW)
    situation = Situation("shop", {1: release}, 1, (), histories=histories or {})
    return settle(SHOP, situation, operations, {each.name: each for each in records}, LATER)


def start(slot: int = 0, attempt: int = 1) -> Start:
    return Start("web", slot, attempt, WEB.revision, 1, "nothing is there")


def record(role: Role = Role.STARTING, slot: int = 0, attempt: int = 1) -> Instance:
    return Instance(
        application="shop",
        component="web",
        slot=slot,
        attempt=attempt,
        revision=WEB.revision,
        release=1,
        role=role,
        made_at=NOW,
        since=NOW,
        addresses={"front": NETWORKS["front"].subnet[2]},
    )


def test_a_start_makes_a_record_and_counts_the_attempt() -> None:
    found = settled(start(attempt=4))
    [made] = found.start
    assert found.changed == {made.name: made}
    assert (made.name, made.role, made.release) == ("shop-web-0-4", Role.STARTING, 1)
    assert (made.made_at, made.since, made.served_at) == (LATER, LATER, None)
    assert found.histories == {("web", 0): SlotHistory(4)}
    assert [each.words for each in found.happenings] == ["started: nothing is there"]


def test_a_start_that_was_cut_off_is_done_again_with_its_own_addresses() -> None:
    known = record()
    found = settled(start(), records=[known])
    assert found == Settled(start=[known])


def test_an_instance_has_an_address_in_each_of_its_networks() -> None:
    [made] = settled(start(), web=component("front", "back")).start
    assert list(made.addresses) == ["front", "back"]
    assert all(address in NETWORKS[name].subnet for name, address in made.addresses.items())


def test_instances_started_at_once_have_addresses_of_their_own() -> None:
    known = [record(Role.ENDING, slot) for slot in range(1)]
    found = settled(*(start(slot) for slot in range(1, 50)), records=known)
    every = [each.addresses["front"] for each in (*known, *found.start)]
    assert len(set(every)) == 50


def test_the_address_of_what_is_gone_is_not_the_next_ones() -> None:
    """Whoever asked for a name a moment ago still takes it for that of the one that is gone."""
    addresses = []
    for attempt in range(1, 20):
        histories = {("web", 0): SlotHistory(attempt - 1)}
        [made] = settled(start(attempt=attempt), histories=histories).start
        addresses.append(made.addresses["front"])
    assert len(set(addresses)) == len(addresses)


def test_what_finds_no_address_is_told_and_tried_again_later() -> None:
    """It does not keep the others from being tended."""
    found = settled(
        *(start(slot) for slot in range(7)),
        Drain("shop-web-9-1", "x"),
        web=component("back"),
        records=[replace(record(Role.SERVING, 9), addresses={})],
    )
    assert len(found.start) == 5
    assert {place for place, each in found.histories.items() if each.failures} == {
        ("web", 5),
        ("web", 6),
    }
    assert found.histories["web", 6] == SlotHistory(0, 1, LATER)
    assert "is full" in found.happenings[5].words
    assert found.changed["shop-web-9-1"].role is Role.DRAINING


def test_a_network_that_is_not_there_is_told() -> None:
    found = settled(start(), web=component("gone"))
    assert not found.start
    assert "gone" in found.happenings[0].words


def test_a_failure_and_the_next_start_in_one_look_are_both_counted() -> None:
    """Else what fails at once would be tried again and again without a pause."""
    histories = {("web", 0): SlotHistory(1, 2, NOW)}
    found = settled(
        End("shop-web-0-1", "it failed", failed=True),
        start(attempt=2),
        records=[record()],
        histories=histories,
    )
    assert found.histories == {("web", 0): SlotHistory(2, 3, LATER)}


@pytest.mark.parametrize(
    ("operation", "role", "words"),
    [
        (Drain("shop-web-0-1", "why"), Role.DRAINING, "drained: why"),
        (KeepWarm("shop-web-0-1", "why"), Role.WARM, "kept warm: why"),
        (Finish("shop-web-0-1", "why"), Role.DONE, "done: why"),
        (End("shop-web-0-1", "why"), Role.ENDING, "ended: why"),
        (End("shop-web-0-1", "why", failed=True), Role.ENDING, "failed: why"),
    ],
)
def test_an_operation_gives_an_instance_its_role(
    operation: Operation, role: Role, words: str
) -> None:
    before = record(Role.SERVING)
    found = settled(operation, records=[before])
    after = replace(before, role=role, since=LATER, reason="why")
    assert found.changed == {before.name: after}
    assert [each.words for each in found.happenings] == [words]
    assert found.stop == ([before] if role in {Role.ENDING, Role.DONE} else [])
    failed = {("web", 0): SlotHistory(0, 1, LATER)} if words.startswith("failed") else {}
    assert found.histories == failed


@pytest.mark.parametrize("role", [Role.ENDING, Role.DONE])
def test_a_stop_that_was_cut_off_is_done_again_and_not_told_again(role: Role) -> None:
    operation = (Finish if role is Role.DONE else End)("shop-web-0-1", "why")
    known = record(role)
    assert settled(operation, records=[known]) == Settled(stop=[known])


def test_what_is_admitted_serves_since_then_and_when_weighed_anew_still_since_then() -> None:
    first = settled(Admit("shop-web-0-1", 20, "well"), records=[record()]).changed["shop-web-0-1"]
    assert (first.role, first.weight, first.since, first.served_at) == (
        *(Role.SERVING, 20, LATER, LATER),
    )
    before = replace(first, since=NOW, served_at=NOW)
    found = settled(Admit("shop-web-0-1", 100, "its share"), records=[before])
    assert found.changed["shop-web-0-1"] == replace(before, weight=100)
    assert found.happenings[0].words == "weight 100: its share"


def test_what_serves_again_has_served_first_when_it_did() -> None:
    warm = replace(record(Role.WARM), served_at=NOW)
    [after] = settled(Admit(warm.name, 100, "back"), records=[warm]).changed.values()
    assert (after.since, after.served_at) == (LATER, NOW)


def test_thousands_of_instances_are_started_at_once_in_no_time() -> None:
    """Not each of them looks at all others.

    The limit is generous for a busy machine; looking at all took several seconds.
    """
    began = perf_counter()
    found = settled(*(start(slot) for slot in range(5000)))
    assert len({each.addresses["front"] for each in found.start}) == 5000
    assert perf_counter() - began < 2
