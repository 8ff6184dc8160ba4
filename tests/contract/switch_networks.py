"""Networks for tests, in addresses that no other run of them uses at the same time."""

from ipaddress import IPv4Network
from pathlib import Path

from herdbook.core.digests import hexadecimal, of_bytes
from herdbook.fleet.networks import Attachment, NetworkPlan

_POOL = IPv4Network("10.211.0.0/16")
_PLACE_BITS = 6  # a /26 for each test, a /28 for each of its networks


def place(directory: Path) -> list[IPv4Network]:
    """Four subnets that follow from the directory of a test."""
    count = 1 << (32 - _PLACE_BITS - _POOL.prefixlen)
    number = int(hexadecimal(of_bytes(str(directory).encode()))[:8], 16) % count
    first = int(_POOL.network_address) + (number << _PLACE_BITS)
    return list(IPv4Network((first, 32 - _PLACE_BITS)).subnets(new_prefix=28))


def plans(directory: Path) -> tuple[NetworkPlan, NetworkPlan, NetworkPlan]:
    """Two networks that lead out, the front and the back, and an internal one."""
    front, back, inner, _ = place(directory)
    return (
        NetworkPlan("shop.front", front, "shop.internal"),
        NetworkPlan("shop.back", back, "shop.internal"),
        NetworkPlan("shop.inner", inner, "shop.internal", internal=True),
    )


def at(network: NetworkPlan, number: int) -> Attachment:
    """The place of the given number in a network; the gateway has number 1."""
    return Attachment(network, network.subnet[number])
