"""One bench for each switch the contract suite is run on, and ways to act inside a namespace."""

import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from switch_networks import plans

from herdbook.drivers.bridge import BridgeSwitch
from herdbook.drivers.fake import FakeCabling, FakeSwitch
from herdbook.fleet.instances import Plugs
from herdbook.fleet.ports import Switch

_CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.0):
        print("connected")
except OSError as error:
    print("failed:", error)
"""
_SERVE = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as server:
    print("ready", flush=True)
    while True:
        server.accept()[0].close()
"""


def inside(plugs: Plugs, *command: str) -> list[str]:
    """A command as it is run in the namespace of a container."""
    return ["nsenter", f"--net={plugs.namespace}", *command]


def run_inside(plugs: Plugs, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = inside(plugs, *command)
    return subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)


def pings(plugs: Plugs, address: IPv4Address) -> bool:
    found = run_inside(plugs, "busybox", "ping", "-c1", "-W1", str(address))
    return found.returncode == 0


def connects(plugs: Plugs, address: str, port: int) -> bool:
    script = (sys.executable, "-c", _CONNECT, address, str(port))
    return run_inside(plugs, *script).stdout == "connected\n"


class Listener:
    """A server while the block lasts: in a container or, without plugs, on this machine."""

    def __init__(self, address: str, port: int, plugs: Plugs | None = None) -> None:
        command = [sys.executable, "-c", _SERVE, address, str(port)]
        arguments = inside(plugs, *command) if plugs else command
        self._process = subprocess.Popen(arguments, stdout=subprocess.PIPE)

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class SwitchBench(Protocol):
    """One kind of switch; `state_directory` is where `switch` works."""

    state_directory: Path

    def switch(self, state_directory: Path | None = None) -> Switch:
        """A new object, that knows nothing of earlier ones."""
        ...

    def reaches(self, instance: str, plugs: Plugs, address: IPv4Address) -> bool:
        """Whether a container gets an answer from an address."""
        ...


class FakeSwitchBench:
    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / "state"
        self._cabling = FakeCabling()

    def switch(self, state_directory: Path | None = None) -> FakeSwitch:
        return FakeSwitch(state_directory or self.state_directory, self._cabling)

    def reaches(self, instance: str, plugs: Plugs, address: IPv4Address) -> bool:
        del plugs
        return self._cabling.reaches(self.state_directory, instance, address)


class BridgeBench:
    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / 'a state directory, "long"'

    def switch(self, state_directory: Path | None = None) -> BridgeSwitch:
        return BridgeSwitch(state_directory or self.state_directory)

    def reaches(self, instance: str, plugs: Plugs, address: IPv4Address) -> bool:
        del instance
        return pings(plugs, address)


def clear(switch: Switch, directory: Path) -> None:
    """Remove whatever a test has made."""
    for instance in switch.plugged():
        switch.unplug(instance)
    for network in plans(directory):
        switch.take_up(network.name)
