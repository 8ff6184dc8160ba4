"""The switch that connects nothing: the port's promises in memory."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from herdbook.core import digests
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.fleet.instances import Plugs, Tap, check_name
from herdbook.fleet.networks import Attachment, NetworkPlan


@dataclass
class FakeCards:
    """The network cards of one instance; `connected` are the networks they are still in."""

    attachments: tuple[Attachment, ...]
    connected: set[str]


@dataclass
class FakeCabling:
    """The networks and cards that fake switches share, by state directory and name."""

    networks: dict[tuple[Path, str], NetworkPlan] = field(default_factory=dict)
    cards: dict[tuple[Path, str], FakeCards] = field(default_factory=dict)
    taken: dict[tuple[Path, str], IPv4Network] = field(default_factory=dict)

    def reaches(self, scope: Path, instance: str, address: IPv4Address) -> bool:
        """Whether a packet of an instance would get to an address of its networks."""
        own = self._connected(scope, instance)
        if any(self.networks[scope, name].gateway == address for name in own):
            return True
        return any(
            each.address == address and each.network.name in own & cards.connected
            for (owner, _), cards in self.cards.items()
            for each in cards.attachments
            if owner == scope
        )

    def _connected(self, scope: Path, instance: str) -> set[str]:
        cards = self.cards.get((scope, instance))
        return cards.connected if cards else set()


class FakeSwitch:
    """Keeps networks in a `cabling`, which switches share as real ones share a machine.

    Without one, the switch has a cabling of its own.
    """

    def __init__(self, state_directory: Path, cabling: FakeCabling | None = None) -> None:
        self._scope = state_directory
        self.cabling = cabling or FakeCabling()

    @contextmanager
    def choosing(self) -> Iterator[list[IPv4Network]]:
        """Give the subnets of others."""
        every = self.cabling.taken.items()
        yield [subnet for (owner, _), subnet in every if owner != self._scope]

    def take(self, networks: Collection[NetworkPlan]) -> None:
        """Take note of subnets."""
        self.cabling.taken |= {(self._scope, each.name): each.subnet for each in networks}

    def lay(self, network: NetworkPlan) -> None:
        """Take note of a network."""
        for (owner, name), other in self.cabling.networks.items():
            if owner != self._scope and other.subnet.overlaps(network.subnet):
                raise ConflictError(f"{network.name} cannot be laid: {name} lies in {other.subnet}")
        self.cabling.networks[self._scope, network.name] = network

    def take_up(self, network: str) -> None:
        """Forget a network; instances lose it."""
        self.cabling.networks.pop((self._scope, network), None)
        for (owner, _), cards in self.cabling.cards.items():
            if owner == self._scope:
                cards.connected.discard(network)

    def is_laid(self, network: str) -> bool:
        """Tell whether a network is noted."""
        return (self._scope, network) in self.cabling.networks

    def plug(self, instance: str, attachments: Sequence[Attachment], *, machine: bool) -> Plugs:
        """Take note of an instance's cards."""
        check_name(instance)
        names = {each.network.name for each in attachments}
        for name in names:
            if (self._scope, name) not in self.cabling.networks:
                raise NotFoundError(f"There is no network {name}", hint="Lay it first.")
        self.cabling.cards[self._scope, instance] = FakeCards(tuple(attachments), names)
        first = attachments[0] if attachments else None
        digest = digests.short(digests.of_bytes(f"{self._scope}\0{instance}".encode()))
        taps = (
            Tap(f"tap{digest[:8]}{number}", each.hardware_address)
            for number, each in enumerate(attachments)
        )
        return Plugs(
            namespace=None if machine else Path("/run/netns") / f"fake-{digest}",
            taps=tuple(taps) if machine else (),
            address=str(first.address) if first else "",
            resolver=str(first.network.gateway) if first else "",
            search=first.network.domain if first else "",
        )

    def unplug(self, instance: str) -> None:
        """Forget an instance's cards."""
        check_name(instance)
        self.cabling.cards.pop((self._scope, instance), None)

    def plugged(self) -> set[str]:
        """Return the instances that have cards."""
        return {instance for owner, instance in self.cabling.cards if owner == self._scope}
