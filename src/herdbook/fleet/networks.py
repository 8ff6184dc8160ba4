"""Networks of an application, and who has which address in them."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from herdbook.core.errors import ConflictError

DOMAIN = "internal"
"""Names of instances end in it: ICANN has set it aside for private networks (2024)."""

_LONGEST_PREFIX = 24

_OURS = (0x02, 0x48)
"""A hardware address of ours: locally administered (IEEE 802), and an H."""


@dataclass(frozen=True)
class NetworkPlan:
    """One network: a bridge of this machine, whose own address in it is the `gateway`.

    `name` is unique on this machine. An `internal` network leads nowhere else.
    """

    name: str
    subnet: IPv4Network
    domain: str
    internal: bool = False

    @property
    def gateway(self) -> IPv4Address:
        """The address of this machine in it: the first one."""
        return self.subnet[1]


@dataclass(frozen=True)
class Attachment:
    """An instance's place in a network."""

    network: NetworkPlan
    address: IPv4Address

    @property
    def hardware_address(self) -> str:
        """The address of the network card, which follows from the other one."""
        return ":".join(f"{byte:02x}" for byte in (*_OURS, *self.address.packed))


def room(subnet: IPv4Network) -> int:
    """Return how many instances can have an address: all but three are theirs."""
    return max(subnet.num_addresses - len(("network", "gateway", "broadcast")), 0)


def prefix_for(instances: int) -> int:
    """Return how long the prefix of a subnet may be with room for so many, 24 at most."""
    return min(32 - (instances + 2).bit_length(), _LONGEST_PREFIX)


def free_address(
    network: NetworkPlan, taken: AbstractSet[IPv4Address], turn: int = 0
) -> IPv4Address:
    """Return an address that nobody has; raises ConflictError in a full network.

    With a `turn` that grows from one to the next, all others have their turn before an address is
    used again: somebody may still take it for that of an instance that is gone.
    """
    count = room(network.subnet)
    for number in range(count):
        address = network.subnet[2 + (turn + number) % count]
        if address not in taken:
            return address
    raise ConflictError(
        f"The network {network.name} is full: {network.subnet} has no address left",
        hint="Lower the number of replicas, or give it a larger subnet.",
    )


def free_subnet(pool: IPv4Network, prefix: int, taken: Collection[IPv4Network]) -> IPv4Network:
    """Return the lowest subnet of a pool that overlaps with none; raises ConflictError."""
    for subnet in pool.subnets(new_prefix=prefix):
        if not any(subnet.overlaps(each) for each in taken):
            return subnet
    raise ConflictError(
        f"There is no network with a prefix of {prefix} left in {pool}",
        hint="Say which is free: x-herdbook: {subnet: 10.99.0.0/16}",
    )
