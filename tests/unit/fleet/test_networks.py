"""Who gets which address and which subnet."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import ConflictError
from herdbook.fleet.networks import (
    Attachment,
    NetworkPlan,
    free_address,
    free_subnet,
    prefix_for,
    room,
)

SMALL = NetworkPlan("shop_default", IPv4Network("10.0.0.0/29"), "shop.internal")
POOL = IPv4Network("10.83.0.0/16")


def test_the_gateway_is_the_first_address() -> None:
    assert SMALL.gateway == IPv4Address("10.0.0.1")


@given(some.sets(some.integers(2, 5)), some.integers(0, 10**9))
def test_an_address_is_one_that_nobody_has_and_no_special_one(taken: set[int], turn: int) -> None:
    found = free_address(SMALL, {SMALL.subnet[each] for each in taken}, turn)
    assert found in SMALL.subnet
    assert found not in {SMALL.subnet[each] for each in (0, 1, 7, *taken)}


def test_an_address_is_used_again_when_all_others_had_their_turn() -> None:
    """A name that was answered with it may still be remembered."""
    found = [free_address(SMALL, set(), turn) for turn in range(10)]
    assert len(set(found)) == room(SMALL.subnet) == 5
    assert all(len(set(found[start : start + 5])) == 5 for start in range(5))


@pytest.mark.parametrize("subnet", ["10.0.0.0/29", "10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32"])
def test_a_full_network_says_so(subnet: str) -> None:
    plan = NetworkPlan("small", IPv4Network(subnet), "x")
    taken: set[IPv4Address] = set()
    for turn in range(room(plan.subnet)):
        taken.add(free_address(plan, taken, turn))
    with pytest.raises(ConflictError, match="small is full"):
        free_address(plan, taken)


@given(some.integers(0, 60_000))
def test_a_prefix_is_the_longest_with_room_for_all(count: int) -> None:
    prefix = prefix_for(count)
    assert room(IPv4Network((0, prefix))) >= count
    assert prefix == 24 or room(IPv4Network((0, prefix + 1))) < count


def test_a_subnet_overlaps_with_none() -> None:
    taken = [IPv4Network("10.83.0.0/23"), IPv4Network("10.83.3.0/30"), IPv4Network("10.0.0.0/16")]
    assert free_subnet(POOL, 24, taken) == IPv4Network("10.83.2.0/24")
    assert free_subnet(POOL, 22, taken) == IPv4Network("10.83.4.0/22")


def test_a_pool_that_is_used_up_says_so() -> None:
    with pytest.raises(ConflictError) as caught:
        free_subnet(POOL, 24, [IPv4Network("10.0.0.0/8")])
    assert "subnet" in caught.value.hint


def test_hardware_addresses_are_local_and_as_different_as_addresses() -> None:
    found = {Attachment(SMALL, SMALL.subnet[each]).hardware_address for each in range(8)}
    assert len(found) == 8
    assert all(int(each[:2], 16) & 0b11 == 0b10 for each in found)  # local, and for one card
