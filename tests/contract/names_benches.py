"""One bench for each server of names the contract suite is run on."""

import os
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Protocol

from switch_benches import clear, run_inside
from switch_networks import at, plans

from herdbook.core.clock import SystemClock
from herdbook.drivers.bridge import BridgeSwitch
from herdbook.drivers.dnsmasq import DnsmasqNames
from herdbook.drivers.fake import FakeBooks, FakeNames
from herdbook.fleet.networks import Attachment, NetworkPlan
from herdbook.fleet.ports import Names

CLIENT = Path(__file__).with_name("names_client.py")

# udhcpc calls it with what it was given; the names are its own.
_REPORT = """#!/bin/sh
[ "$1" = bound ] && echo "$ip/$mask router=$router dns=$dns domain=$domain search=$search"
exit 0
"""


class NamesBench(Protocol):
    """One kind of server; `state_directory` is where `names` works."""

    state_directory: Path

    def names(self, state_directory: Path | None = None) -> Names:
        """A new object, that knows nothing of earlier ones."""
        ...

    def ask(self, network: NetworkPlan, name: str) -> set[IPv4Address] | None:
        """The addresses a container of a network gets from its gateway; None if none at all."""
        ...

    def lease(self, machine: Attachment) -> IPv4Address | None:
        """The address that the network card of a machine is given."""
        ...

    def clear(self) -> None: ...


class FakeNamesBench:
    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / "state"
        self._books = FakeBooks()

    def names(self, state_directory: Path | None = None) -> FakeNames:
        return FakeNames(state_directory or self.state_directory, self._books)

    def ask(self, network: NetworkPlan, name: str) -> set[IPv4Address] | None:
        found = self._books.answer(self.state_directory, "shop", network.gateway, name)
        return None if found is None else set(found)

    def lease(self, machine: Attachment) -> IPv4Address | None:
        return self._books.address_for(self.state_directory, "shop", machine.hardware_address)

    def clear(self) -> None:
        self._books.books.clear()


class DnsmasqBench:
    """Asks from inside a container that is in all networks of the test."""

    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / 'a state directory, "long"'
        self._directory = directory
        self.switch = BridgeSwitch(directory / "switch")
        networks = plans(directory)
        for network in networks:
            self.switch.lay(network)
        places = [at(network, 14) for network in networks]
        self.asker = self.switch.plug("asker", places, machine=False)
        # Where any user may read it, as /etc/resolv.conf: the folder of a test is closed.
        with NamedTemporaryFile("w", prefix="herdbook-resolvers-", delete=False) as file:
            file.write(f"nameserver {self.elsewhere}\n")
        self.resolvers = Path(file.name)
        self.resolvers.chmod(0o644)

    @property
    def elsewhere(self) -> str:
        """The loopback address that stands for this machine's own name server."""
        last = plans(self._directory)[0].subnet.network_address.packed[2:]
        return f"127.53.{last[0]}.{last[1] + 1}"

    def names(self, state_directory: Path | None = None) -> DnsmasqNames:
        place = state_directory or self.state_directory
        return DnsmasqNames(place, SystemClock(), resolvers=self.resolvers)

    def answer(self, network: NetworkPlan, name: str, kind: str = "A") -> list[str]:
        """All that the client says of an answer, line by line."""
        arguments = (str(CLIENT), str(network.gateway), name, kind)
        return run_inside(self.asker, sys.executable, *arguments).stdout.splitlines()

    def ask(self, network: NetworkPlan, name: str) -> set[IPv4Address] | None:
        _, *found = self.answer(network, name)
        return {IPv4Address(line.split()[1]) for line in found} or None

    def lease(self, machine: Attachment) -> IPv4Address | None:
        said = self.lease_words(machine)
        return IPv4Address(said.partition("/")[0]) if said else None

    def lease_words(self, machine: Attachment) -> str:
        """What a DHCP client with a machine's network card is told."""
        report = self._directory / "report"
        report.write_text(_REPORT, encoding="ascii")
        report.chmod(0o755)
        plugs = self.switch.plug("machine", [machine], machine=False)
        client = ("busybox", "udhcpc", "-nqf", "-t2", "-T1", "-Osearch", "-ieth0", "-s")
        said = run_inside(plugs, *client, str(report)).stdout.strip()
        self.switch.unplug("machine")
        return said

    def process_id(self) -> int:
        path = self.state_directory / "names" / "shop" / "process-id"
        return int(path.read_text(encoding="ascii"))

    def status(self) -> str:
        """What the kernel says of the process."""
        return Path(f"/proc/{self.process_id()}/status").read_text(encoding="utf-8")

    def clear(self) -> None:
        self.names().end("shop")
        clear(self.switch, self._directory)
        self.resolvers.unlink()


def serve_elsewhere(bench: DnsmasqBench, directory: Path) -> None:
    """Serve and publish from a process that has ended when this returns."""
    script = """
import sys
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import NamedTemporaryFile
from switch_networks import plans
from herdbook.core.clock import SystemClock
from herdbook.drivers.dnsmasq import DnsmasqNames
names = DnsmasqNames(Path(sys.argv[1]), SystemClock(), resolvers=Path(sys.argv[3]))
front = plans(Path(sys.argv[2]))[0]
names.serve("shop", [front], [])
names.publish("shop", {"db": [front.subnet[5]]})
"""
    arguments = [str(bench.state_directory), str(directory), str(bench.resolvers)]
    environment = {**os.environ, "PYTHONPATH": str(CLIENT.parent)}
    subprocess.run([sys.executable, "-c", script, *arguments], env=environment, check=True)
