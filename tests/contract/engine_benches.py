"""One bench for each engine the contract suite is run on."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

from engine_container import write_container
from engine_machine import write_machine
from engine_support import (
    STATE_DIRECTORY,
    Artefact,
    files_for_all,
    http_get,
    processes_listing,
    start_elsewhere,
)
from engine_systemd_machine import PROCESS_NUMBER, write_systemd_machine

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.drivers import process
from herdbook.drivers.fake import FakeComputer, FakeEngine
from herdbook.drivers.podman import PodmanEngine
from herdbook.drivers.qemu import QemuEngine
from herdbook.drivers.runtime_directory import runtime_directory
from herdbook.fleet.instances import ContainerArtefact, PublishedPort, Wanted


def kill_machine(state_directory: Path, name: str) -> None:
    """End a machine by force, behind its engine's back."""
    identity = state_directory / "instances" / name / "process"
    os.kill(int(identity.read_text(encoding="utf-8").split()[0]), signal.SIGKILL)


class FakeBench:
    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / STATE_DIRECTORY
        self.artefact: Artefact = ContainerArtefact(directory, of_bytes(b"manifest"))
        self.broken_artefact: Artefact = self.artefact
        self.computer = FakeComputer()
        self.computer.refuse_to_start("broken", "It was told to fail")

    def engine(self, state_directory: Path | None = None) -> FakeEngine:
        return FakeEngine(state_directory or self.state_directory, SystemClock(), self.computer)

    def start_from_another_process(self, wanted: Wanted) -> None:
        self.engine().start(wanted)
        for line in ("the service starts", "the service is ready"):
            self.computer.say(self.state_directory, wanted.name, line)

    def read(self, seen_port: PublishedPort, path: str) -> str:
        instance = self.computer.listener(seen_port)
        if instance is None:
            return ""
        given = instance.wanted
        if path.startswith("/credentials/"):
            return given.secrets[path.removeprefix("/credentials/")].decode()
        return "".join(f"{name}={value}\n" for name, value in given.environment.items())

    def kill(self, name: str) -> None:
        self.computer.end(self.state_directory, name, "It was killed")

    def end(self, name: str) -> None:
        self.computer.say(self.state_directory, name, "the service gives up")
        self.computer.end(self.state_directory, name, "The service ended with status 3")

    def seen_by_others(self, name: str) -> bytes:
        instance = self.computer.find(self.state_directory, name)
        return repr((self.engine().observe(), instance)).encode()


class PodmanBench:
    service_status = "/proc/1/status"

    def __init__(self, directory: Path) -> None:
        self.state_directory = directory / STATE_DIRECTORY
        self.artefact: Artefact = write_container(directory / "layout")
        self.broken_artefact: Artefact = write_container(
            directory / "broken", working_directory="/bin/busybox"
        )

    def engine(self, state_directory: Path | None = None) -> PodmanEngine:
        return PodmanEngine(state_directory or self.state_directory, SystemClock())

    def start_from_another_process(self, wanted: Wanted) -> None:
        start_elsewhere(PodmanEngine, self.state_directory, wanted)

    def read(self, seen_port: PublishedPort, path: str) -> str:
        return http_get(seen_port, path)

    def kill(self, name: str) -> None:
        process_id = process.run(
            ["podman", "inspect", "--format={{.State.Pid}}", self._container(name)]
        ).output
        os.kill(int(process_id), signal.SIGKILL)

    def end(self, name: str) -> None:
        del name

    def seen_by_others(self, name: str) -> bytes:
        inspected = process.run(["podman", "inspect", self._container(name)])
        (container,) = json.loads(inspected.output)
        log = Path(container["HostConfig"]["LogConfig"]["Path"]).parent
        files = files_for_all(self.state_directory) + files_for_all(runtime_directory().parent)
        return inspected.output.encode() + processes_listing() + files + files_for_all(log)

    def _container(self, name: str) -> str:
        arguments = ["podman", "ps", "--all", "--quiet", f"--filter=name=-{name}$"]
        return process.run(arguments).output.strip()


class SystemdBench:
    """A machine whose init takes commands: of those of `QemuBench` it has nothing inside."""

    def __init__(
        self,
        directory: Path,
        cache: Path,
        suite: str = "bookworm",
        identity: tuple[str, str] = ("service", ""),
    ) -> None:
        self.state_directory = directory / STATE_DIRECTORY
        self.artefact: Artefact = write_systemd_machine(directory, cache, suite, identity)
        self.service_status = f"/proc/$(cat {PROCESS_NUMBER})/status"

    def engine(self, state_directory: Path | None = None) -> QemuEngine:
        return QemuEngine(state_directory or self.state_directory, SystemClock())

    def kill(self, name: str) -> None:
        kill_machine(self.state_directory, name)


class QemuBench:
    def __init__(self, directory: Path, cache: Path) -> None:
        self.state_directory = directory / STATE_DIRECTORY
        machine = write_machine(directory, cache)
        self.artefact: Artefact = machine
        # QEMU finds out by itself that this is no kernel.
        self.broken_artefact: Artefact = replace(machine, kernel=machine.root)
        self.artefact_without_init = replace(machine, initrd=machine.root)

    def engine(self, state_directory: Path | None = None) -> QemuEngine:
        return QemuEngine(state_directory or self.state_directory, SystemClock())

    def start_from_another_process(self, wanted: Wanted) -> None:
        start_elsewhere(QemuEngine, self.state_directory, wanted)

    def read(self, seen_port: PublishedPort, path: str) -> str:
        return http_get(seen_port, path)

    def kill(self, name: str) -> None:
        kill_machine(self.state_directory, name)

    def end(self, name: str) -> None:
        del name

    def seen_by_others(self, name: str) -> bytes:
        directory = self.state_directory / "instances" / name
        assert directory.is_dir()
        files = files_for_all(self.state_directory) + files_for_all(runtime_directory().parent)
        own = (path.read_bytes() for path in directory.iterdir() if path.is_file())
        return processes_listing() + files + b"\n".join(own)
