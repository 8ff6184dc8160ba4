"""The names nobody can ask for over a network: the port's promises in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from herdbook.drivers.answered_names import check_answered_name
from herdbook.fleet.instances import check_name
from herdbook.fleet.networks import Attachment, NetworkPlan


@dataclass
class FakeBook:
    """What is answered for one application; nothing while `networks` is empty."""

    networks: tuple[NetworkPlan, ...] = ()
    machines: tuple[Attachment, ...] = ()
    names: dict[str, frozenset[IPv4Address]] = field(default_factory=dict)


@dataclass
class FakeBooks:
    """What fake names share, by state directory and application."""

    books: dict[tuple[Path, str], FakeBook] = field(default_factory=dict)

    def answer(
        self, scope: Path, application: str, gateway: IPv4Address, name: str
    ) -> frozenset[IPv4Address] | None:
        """Return what a network's gateway answers; None where it does not know the name."""
        book = self.books.get((scope, application), FakeBook())
        asked = [network for network in book.networks if network.gateway == gateway]
        domains = {network.domain for network in book.networks}
        label, _, domain = name.partition(".")
        known = book.names.get(label if domain in domains else name, frozenset())
        near = {each for each in known if any(each in network.subnet for network in asked)}
        return frozenset(near or known) if asked and known else None

    def address_for(
        self, scope: Path, application: str, hardware_address: str
    ) -> IPv4Address | None:
        """Return the address a machine with that network card is given; None for strangers."""
        book = self.books.get((scope, application), FakeBook())
        found = [each for each in book.machines if each.hardware_address == hardware_address]
        return found[0].address if found and book.networks else None


class FakeNames:
    """Keeps names in `books`, which others may share; without, it has books of its own."""

    def __init__(self, state_directory: Path, books: FakeBooks | None = None) -> None:
        self._scope = state_directory
        self.books = books or FakeBooks()

    def serve(
        self, application: str, networks: Sequence[NetworkPlan], machines: Collection[Attachment]
    ) -> None:
        """Take note of who is answered."""
        book = self._book(application)
        book.networks, book.machines = tuple(networks), tuple(machines)

    def publish(self, application: str, names: Mapping[str, Collection[IPv4Address]]) -> None:
        """Take note of names."""
        for name in names:
            check_answered_name(name)
        self._book(application).names = {name: frozenset(found) for name, found in names.items()}

    def end(self, application: str) -> None:
        """Forget an application."""
        check_name(application)
        self.books.books.pop((self._scope, application), None)

    def _book(self, application: str) -> FakeBook:
        check_name(application)
        return self.books.books.setdefault((self._scope, application), FakeBook())
