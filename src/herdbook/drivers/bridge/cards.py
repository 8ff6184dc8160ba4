"""Decides what `ip` is told to give an instance its network cards, and to mend or remove them."""

from collections.abc import Sequence
from dataclasses import dataclass

from herdbook.drivers.bridge.identities import Identities
from herdbook.fleet.networks import Attachment


@dataclass(frozen=True)
class Card:
    """One network card: the device of this machine that stands for it, and where it belongs."""

    device: str
    bridge: str
    attachment: Attachment


def wanted_cards(
    identities: Identities, instance: str, attachments: Sequence[Attachment], *, machine: bool
) -> list[Card]:
    """Return the cards an instance should have, the first network first."""
    prefix = identities.cards(instance, machine=machine)
    return [
        Card(f"{prefix}{number:02d}", identities.bridge(attachment.network.name), attachment)
        for number, attachment in enumerate(attachments)
    ]


def removal(devices: Sequence[str], namespace: str | None, group: int) -> list[str]:
    """Return how devices, and a namespace if there is one, are removed.

    `group` is a number of a device group that nobody uses: the kernel waits for its readers once
    for a whole group. The devices come first, for it takes its time with those of a namespace.
    """
    commands = [f"link set {device} group {group}" for device in devices]
    if devices:
        commands.append(f"link delete group {group}")
    return [*commands, f"netns delete {namespace}"] if namespace else commands


def tap_commands(cards: Sequence[Card]) -> list[str]:
    """Return how a machine's cards are made."""
    commands: list[str] = []
    for card in cards:
        commands += [f"tuntap add dev {card.device} mode tap", *_connected(card)]
    return commands


def pair_commands(cards: Sequence[Card], namespace: str) -> list[str]:
    """Return how a container's cards are made, and put into its namespace."""
    commands: list[str] = []
    for number, card in enumerate(cards):
        inside = f"peer name eth{number} address {card.attachment.hardware_address}"
        commands += [
            f"link add {card.device} type veth {inside} netns {namespace}",
            *_connected(card),
        ]
    return commands


def inside_commands(cards: Sequence[Card]) -> list[str]:
    """Return what is to be done in a container's namespace once its cards are there."""
    commands = ["link set lo up"]
    for number, card in enumerate(cards):
        prefix_length = card.attachment.network.subnet.prefixlen
        commands += [
            f"link set eth{number} addrgenmode none up",
            f"address add {card.attachment.address}/{prefix_length} dev eth{number}",
        ]
    ways_out = [card.attachment.network for card in cards if not card.attachment.network.internal]
    return [*commands, *(f"route add default via {each.gateway}" for each in ways_out[:1])]


def _connected(card: Card) -> list[str]:
    # No address of this machine's own: it leaves IPv6 a moment later (`kernel.leave_ipv6`).
    return [f"link set {card.device} master {card.bridge} addrgenmode none up"]
