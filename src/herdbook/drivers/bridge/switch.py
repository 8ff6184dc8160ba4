"""The switch of this machine: the port's promises on top of Linux bridges."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path

from herdbook.core.errors import ConflictError, EngineError, HerdbookError, NotFoundError
from herdbook.drivers.bridge import firewall, kernel, subnets
from herdbook.drivers.bridge.cards import (
    Card,
    inside_commands,
    pair_commands,
    removal,
    tap_commands,
    wanted_cards,
)
from herdbook.drivers.bridge.identities import BRIDGE, MACHINE_CARD, Identities
from herdbook.drivers.bridge.rules import wanted_chains
from herdbook.drivers.claims import claim, claim_path, is_claimed
from herdbook.fleet.instances import Plugs, Tap, check_name
from herdbook.fleet.networks import Attachment, NetworkPlan

_CLAIM = "switch"
_NETWORK_CLAIM = "network"
_MOST_GROUPS = (1 << 31) - 2


class BridgeSwitch:
    """Makes a bridge for each network, and veth pairs or taps for each instance.

    Nothing is kept in files: names and aliases of the kernel's own objects say what they are.
    """

    def __init__(self, state_directory: Path) -> None:
        self._state_directory = state_directory.resolve()
        self._identities = Identities(self._state_directory)

    @contextmanager
    def choosing(self) -> Iterator[list[IPv4Network]]:
        """Let nobody else choose subnets until the block ends; give those of others."""
        with subnets.alone():
            yield subnets.taken_by_others(self._state_directory)

    def take(self, networks: Collection[NetworkPlan]) -> None:
        """Keep others from choosing the subnets of these networks."""
        bridges = {self._identities.bridge(each.name): each.subnet for each in networks}
        subnets.take(self._state_directory, bridges)

    def lay(self, network: NetworkPlan) -> None:
        """See to it that a network is there, and leads out unless it is internal."""
        bridge = self._identities.bridge(network.name)
        chain = self._identities.chain(network.name)
        with self._network_claim(network.name) as claimed:
            # The rules come first: nobody is ever in a network without them.
            firewall.keep(claimed, chain, wanted_chains(network, bridge, chain))
            try:
                self._lay_bridge(claimed, network, bridge)
            except ConflictError:
                if not kernel.link_exists(bridge):
                    firewall.keep(claimed, chain, {})
                raise
            kernel.leave_ipv6(bridge)
            if not network.internal:
                _lead_out()

    def take_up(self, network: str) -> None:
        """Remove a network; instances that are still plugged in lose it."""
        bridge = self._identities.bridge(network)
        with self._network_claim(network) as claimed:
            if kernel.link_exists(bridge):
                commands = [f"link delete {bridge}"]
                kernel.change(claimed, commands, f"The network {network} could not be removed")
            firewall.keep(claimed, self._identities.chain(network), {})

    def is_laid(self, network: str) -> bool:
        """Tell whether a network is there, or anything is left of it."""
        bridge = self._identities.bridge(network)
        # Its rules go after the bridge, under the same claim.
        return kernel.link_exists(bridge) or is_claimed(self._network_claim_path(network))

    def plug(self, instance: str, attachments: Sequence[Attachment], *, machine: bool) -> Plugs:
        """Give an instance its network cards: a machine taps, a container a namespace."""
        check_name(instance)
        cards = wanted_cards(self._identities, instance, attachments, machine=machine)
        for card in cards:
            _refuse_absent(card)
        with claim(self._claim(instance)) as claimed:
            if self._is_made(instance, cards, machine=machine):
                _reconnect(claimed, instance, cards)
            else:
                self._make(claimed, instance, cards, machine=machine)
            for card in cards:  # they outlive their bridge
                kernel.leave_ipv6(card.device)
        return self._plugs(instance, cards, machine=machine)

    def unplug(self, instance: str) -> None:
        """Remove what `plug` made."""
        check_name(instance)
        with claim(self._claim(instance)) as claimed:
            self._remove(claimed, instance)

    def plugged(self) -> set[str]:
        """Return the instances that have network cards, or what a killed process left of some."""
        namespaces = map(self._identities.namespace_instance, kernel.namespaces())
        marks = map(kernel.alias, kernel.links(MACHINE_CARD))
        found = {*namespaces, *map(self._identities.card_instance, marks)}
        return {instance for instance in found if instance} | self._left_behind()

    def _lay_bridge(self, claimed: int, network: NetworkPlan, bridge: str) -> None:
        gateway = Attachment(network, network.gateway)
        address = f"{network.gateway}/{network.subnet.prefixlen}"
        found = kernel.look_up(bridge)
        if found == kernel.Link(gateway.hardware_address, is_up=True, addresses=(address,)):
            return
        with subnets.alone():
            self._refuse_taken(network, bridge)
            self._make_bridge(claimed, network, bridge, found)
        kernel.set_alias(bridge, self._identities.bridge_mark(network))

    def _refuse_taken(self, network: NetworkPlan, bridge: str) -> None:
        for other, subnet in kernel.bridge_subnets(BRIDGE):
            if other != bridge and subnet.overlaps(network.subnet):
                raise ConflictError(
                    f"The network {network.name} cannot be laid: {subnet} is used on this machine "
                    f"already ({other}: {kernel.alias(other) or 'a bridge'})",
                    hint="Take one of the two applications down (herdbook down), then bring it up "
                    "again: another subnet is chosen.",
                )

    def _make_bridge(
        self, claimed: int, network: NetworkPlan, bridge: str, found: kernel.Link | None
    ) -> None:
        gateway = Attachment(network, network.gateway)
        address = f"{network.gateway}/{network.subnet.prefixlen}"
        # A bridge without an address of its own takes a port's, and changes it with the ports.
        settings = f"address {gateway.hardware_address} addrgenmode none up"
        strangers = [each for each in found.addresses if each != address] if found else []
        kernel.change(
            claimed,
            [
                *([] if found else [f"link add {bridge} type bridge forward_delay 0"]),
                f"link set {bridge} {settings}",
                *(f"address delete {each} dev {bridge}" for each in strangers),
                f"address replace {address} dev {bridge}",
            ],
            f"The network {network.name} could not be made",
        )

    def _is_made(self, instance: str, cards: Sequence[Card], *, machine: bool) -> bool:
        """Whether an instance has just these cards, all finished."""
        if not cards or self._devices(instance) != [card.device for card in cards]:
            return False
        mark = self._mark(instance, cards)
        if any(kernel.alias(card.device) != mark for card in cards):
            return False
        return machine or kernel.namespace_works(self._identities.namespace(instance))

    def _make(self, claimed: int, instance: str, cards: Sequence[Card], *, machine: bool) -> None:
        namespace = self._identities.namespace(instance)
        failure = f"{instance} could not be plugged in"
        # A running container keeps its namespace, which it cannot change.
        keeps = not machine and kernel.namespace_works(namespace)
        self._remove(claimed, instance, keeps_namespace=keeps)
        try:
            if machine:
                kernel.change(claimed, tap_commands(cards), failure)
            else:
                add = [] if keeps else [f"netns add {namespace}"]
                kernel.change(claimed, [*add, *pair_commands(cards, namespace)], failure)
                kernel.change_inside(claimed, namespace, inside_commands(cards), failure)
            for card in cards:  # last: a card without its mark is not finished
                kernel.set_alias(card.device, self._mark(instance, cards))
        except HerdbookError:
            with suppress(HerdbookError):
                self._remove(claimed, instance, keeps_namespace=keeps)
            raise

    def _remove(self, claimed: int, instance: str, *, keeps_namespace: bool = False) -> None:
        namespace = None if keeps_namespace else self._namespace_left(instance)
        group = secrets.randbelow(_MOST_GROUPS) + 1
        kernel.attempt(claimed, removal(self._devices(instance), namespace, group))
        if self._devices(instance) or (namespace and self._namespace_left(instance)):
            raise EngineError(
                f"{instance} could not be unplugged",
                hint="Networks need root. See what is left with: ip link; ip netns",
            )

    def _namespace_left(self, instance: str) -> str | None:
        namespace = self._identities.namespace(instance)
        return namespace if kernel.namespace_path(namespace).exists() else None

    def _devices(self, instance: str) -> list[str]:
        prefixes = (self._identities.cards(instance, machine=kind) for kind in (False, True))
        return [device for prefix in prefixes for device in kernel.links(prefix)]

    def _mark(self, instance: str, cards: Sequence[Card]) -> str:
        return self._identities.card_mark(instance, [card.attachment for card in cards])

    def _plugs(self, instance: str, cards: Sequence[Card], *, machine: bool) -> Plugs:
        first = cards[0].attachment if cards else None
        path = kernel.namespace_path(self._identities.namespace(instance))
        taps = (Tap(card.device, card.attachment.hardware_address) for card in cards)
        return Plugs(
            namespace=None if machine else path,
            taps=tuple(taps) if machine else (),
            address=str(first.address) if first else "",
            resolver=str(first.network.gateway) if first else "",
            search=first.network.domain if first else "",
        )

    def _left_behind(self) -> set[str]:
        """Return the instances whose plugging or unplugging was killed: nobody holds the claim."""
        prefix = self._claim("").name
        found = self._claim("").parent.glob(f"{prefix}*")
        return {path.name.removeprefix(prefix) for path in found if not is_claimed(path)}

    def _claim(self, instance: str) -> Path:
        return claim_path(self._state_directory, _CLAIM, instance)

    def _network_claim(self, network: str) -> AbstractContextManager[int]:
        return claim(self._network_claim_path(network))

    def _network_claim_path(self, network: str) -> Path:
        bridge = self._identities.bridge(network)
        return claim_path(self._state_directory, _NETWORK_CLAIM, bridge)


def _lead_out() -> None:
    if not kernel.forwards():
        # First: a machine that passed nothing on is to do so for our networks, and no others.
        firewall.pass_on_nothing_else()
        kernel.forward()


def _refuse_absent(card: Card) -> None:
    if not kernel.link_exists(card.bridge):
        name = card.attachment.network.name
        raise NotFoundError(f"There is no network {name} on this machine", hint="Lay it first.")


def _reconnect(claimed: int, instance: str, cards: Sequence[Card]) -> None:
    """Put cards back into bridges that were made anew since."""
    lost = [card for card in cards if kernel.bridge_of(card.device) != card.bridge]
    commands = [f"link set {card.device} master {card.bridge}" for card in lost]
    kernel.change(claimed, commands, f"{instance} could not be plugged in again")
