"""One bench for each balancer the contract suite is run on."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from balancer_load import ask
from balancer_members import free_ports

from herdbook.core.clock import SystemClock
from herdbook.drivers.fake.balancer import FakeBalancer, FakeDoors
from herdbook.drivers.haproxy import HaproxyBalancer
from herdbook.fleet.balancing import Door, Member, Traffic
from herdbook.fleet.ports import Balancer

# Spaces, quotes and more bytes than a socket's path may have.
STATE_DIRECTORY = f'a state\'s directory, "so" #1, {"long " * 20}'


class Bench(Protocol):
    """One kind of balancer, and what to try it with."""

    def balancer(self) -> Balancer:
        """A new balancer object, that knows nothing of earlier ones."""
        ...

    def request(self, door: Door, member: Member, times: int, status: int = 200) -> None:
        """Have the only member of an application's door answer."""
        ...

    def kill(self, application: str) -> None:
        """End what spreads requests by force, behind its driver's back."""
        ...

    def changes(self, application: str) -> object:
        """Something that differs after members were changed."""
        ...


class FakeBench:
    def __init__(self) -> None:
        self._machine = FakeDoors()

    def balancer(self) -> FakeBalancer:
        return FakeBalancer(self._machine)

    def request(self, door: Door, member: Member, times: int, status: int = 200) -> None:
        failed = times if status >= 500 else 0
        for application, opened in self._machine.opened.items():
            if door in opened.doors:
                more = Traffic(times, failed)
                self._machine.count(application, door.name, member.instance, more)

    def kill(self, application: str) -> None:
        self._machine.kill(application)

    def changes(self, application: str) -> object:
        del application
        return self._machine.placed


class HaproxyBench:
    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / STATE_DIRECTORY

    def balancer(self) -> HaproxyBalancer:
        return HaproxyBalancer(self.state_directory, SystemClock())

    def directory(self, application: str) -> Path:
        return self.state_directory / "balancers" / application

    def request(self, door: Door, member: Member, times: int, status: int = 200) -> None:
        for _ in range(times):
            assert ask(door, f"/?status={status}") == (status, member.instance)

    def kill(self, application: str) -> None:
        os.kill(self.master(application), signal.SIGKILL)

    def master(self, application: str) -> int:
        return int((self.directory(application) / "process-number").read_text())

    def changes(self, application: str) -> object:
        found = (self.directory(application) / "haproxy.cfg").stat()
        return found.st_ino, found.st_mtime_ns

    def close_all(self) -> None:
        """End whatever a test left, even one that failed."""
        for directory in (self.state_directory / "balancers").glob("[!.]*"):
            self.balancer().close(directory.name)


def need_haproxy() -> None:
    if shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("HAProxy is not installed")


def doors(*names: str, **changes: object) -> list[Door]:
    """Doors at free ports of this machine."""
    ports = free_ports(len(names))
    made = [Door(name, "127.0.0.1", port) for name, port in zip(names, ports, strict=True)]
    return [replace(door, **changes) for door in made]  # type: ignore[arg-type]
