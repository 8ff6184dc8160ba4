"""Knows what everything is called in the kernel, so that any process finds it again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.fleet.networks import Attachment, NetworkPlan

# The kernel takes 15 characters. Digits of a digest never are a v or a t: a bridge's name is
# none of a card.
BRIDGE = "hb"
"""What the names of bridges begin with; what is no bridge may begin so, too."""

_CONTAINER_CARD = "hbv"
MACHINE_CARD = "hbt"
"""What the names of machines' cards begin with."""

_CARD_DIGITS = 10

ALL_BRIDGES = f"{BRIDGE}+"
"""What iptables calls all interfaces whose name begins as our bridges' names do."""


def bridge_digits(state_directory: Path, network: str) -> str:
    """Return the digits that stand for a network of a state directory."""
    return digests.short(digests.of_bytes(f"{state_directory}\0{network}".encode()))


@dataclass(frozen=True)
class Identities:
    """The names of all that belongs to one state directory."""

    state_directory: Path

    @property
    def _scope(self) -> str:
        return digests.short(digests.of_bytes(str(self.state_directory).encode()))

    def bridge(self, network: str) -> str:
        """Return the bridge of a network."""
        return BRIDGE + bridge_digits(self.state_directory, network)

    def chain(self, network: str) -> str:
        """Return the iptables chain of a network; those for other purposes begin like it."""
        return f"HERDBOOK-{bridge_digits(self.state_directory, network)}"

    def bridge_mark(self, network: NetworkPlan) -> str:
        """Return the alias of a network's bridge: for people who look."""
        return f"herdbook {self._scope} network {network.name}"

    def namespace(self, instance: str) -> str:
        """Return the network namespace of a container."""
        return f"herdbook-{self._scope}-{instance}"

    def namespace_instance(self, namespace: str) -> str | None:
        """Return whose network namespace that is; None for one of others."""
        prefix = self.namespace("")
        return namespace.removeprefix(prefix) if namespace.startswith(prefix) else None

    def cards(self, instance: str, *, machine: bool) -> str:
        """Return what the names of an instance's network cards on this machine begin with."""
        digest = digests.of_bytes(f"{self.state_directory}\0{instance}".encode())
        kind = MACHINE_CARD if machine else _CONTAINER_CARD
        return kind + digests.hexadecimal(digest)[:_CARD_DIGITS]

    def card_mark(self, instance: str, attachments: Sequence[Attachment]) -> str:
        """Return the alias of finished cards; it changes with what they were made for."""
        networks = [(each.network.name, each.network.internal) for each in attachments]
        addresses = [f"{each.address} {each.network.subnet}" for each in attachments]
        wish = repr((networks, addresses)).encode()
        digest = digests.short(digests.of_bytes(wish))
        return f"herdbook {self._scope} card {instance} {digest}"

    def card_instance(self, mark: str) -> str | None:
        """Return whose card has that alias; None for one of others."""
        match mark.split(" "):
            case ["herdbook", scope, "card", instance, _] if scope == self._scope:
                return instance
        return None
