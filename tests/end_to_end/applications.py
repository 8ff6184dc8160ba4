"""Brings tiny applications up through the real command line, and leaves nothing of them."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from open_loop import Load
from product import Herdbook
from service_image import PORT, write_image

from herdbook.core import digests
from herdbook.drivers.network import HostNetwork

_WAIT_SECONDS = 0.2
_LONGEST_QUIET_SECONDS = 1.0


@dataclass
class TinyApplication:
    """An application of one service with a Compose file that tests write anew for each release.

    `policy` is what stands under `x-herdbook` of the service, `update` under `update_config`.
    `version` is what is to serve while no rollout goes on.
    """

    herdbook: Herdbook
    folder: Path
    name: str
    port: int
    replicas: int = 3
    policy: dict[str, Any] = field(default_factory=dict)
    update: dict[str, Any] = field(default_factory=dict)
    version: str = "v1"
    _versions: int = 1

    @property
    def file(self) -> Path:
        """The Compose file."""
        return self.folder / "compose.yaml"

    def write(self, version: str, **environment: str) -> None:
        """Write the file of another version; `environment` makes it a bad one."""
        update = {
            "parallelism": max(self.replicas // 2, 1),
            "order": "start-first",
            "failure_action": "rollback",
            "monitor": "500ms",
            **self.update,
        }
        wishes = {
            "probe": {"http": "/healthz"},
            "ingress": {"port": PORT},
            "settle": "200ms",
            "bake": "1s",
            "deadline": "60s",
            **self.policy,
        }
        service = {
            "image": "./layout",
            "environment": {"VERSION": version, **environment},
            "ports": [f"127.0.0.1:{self.port}:{PORT}"],
            "stop_grace_period": "3s",
            "deploy": {"replicas": self.replicas, "update_config": update},
            "x-herdbook": wishes,
        }
        document = {
            "name": self.name,
            "services": {"web": service},
        }
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def up(self, version: str, *options: str, **environment: str) -> dict[str, Any]:
        """Bring a version up; return what the command said, whatever its status."""
        self.write(version, **environment)
        return dict(self.said("up", self.file, *options))

    def another_version(self) -> str:
        """A version that was never up."""
        self._versions += 1
        return f"v{self._versions}"

    def settle(self) -> None:
        """Bring it to where its version serves and no rollout goes on, whatever was before."""
        self.policy, self.update = {}, {}
        if self._is_settled():
            return
        self.up(self.version)
        self.until("complete", "rolled back")
        wait_for(self.is_whole, 60, "just what is wanted is there")

    def _is_settled(self) -> bool:
        if not self.file.exists() or self.shown()["state"] not in {"complete", "rolled back"}:
            return False
        return self.answered_version() == self.version and self.is_whole()

    def answered_version(self) -> str:
        """Which version answers at the door now; empty for none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/version")  # that also the plain service has
            return connection.getresponse().read().decode().split()[0]
        except (OSError, http.client.HTTPException, IndexError):
            return ""
        finally:
            connection.close()

    def is_whole(self) -> bool:
        """Whether all that serves is there, each slot once, and nothing else, nor in Podman."""
        instances = self.shown()["instances"]
        return (
            {each["role"] for each in instances} == {"serving"}
            and sorted(each["slot"] for each in instances) == list(range(self.replicas))
            and set(self.containers()) == {each["instance"] for each in instances}
        )

    def process_in(self, slot: int) -> int:
        """The service's own process in a slot."""
        return next(
            number
            for name, number in self.processes().items()
            if name.startswith(f"{self.name}-web-{slot}-")
        )

    def healed(self, slot: int, number: int) -> tuple[float, float]:
        """Send a signal to the process in a slot; return when that was noticed and made good.

        Both in seconds after the signal, as the register has them.
        """
        process, said = self.process_in(slot), self._log().stat().st_size
        began = datetime.now(UTC)
        os.kill(process, number)
        wait_for(lambda: b": serves" in self._log().read_bytes()[said:], 60, "another one serves")

        def after(*words: str) -> list[float]:
            return [
                (at - began).total_seconds()
                for each in self.shown()["happened"]
                if each["instance"]
                and each["instance"].startswith(f"{self.name}-web-{slot}-")
                and each["words"].startswith(words)
                and (at := datetime.fromisoformat(each["at"])) > began
            ]

        return min(after("failed", "drained", "ended")), min(after("serves"))

    def said(self, *arguments: str | Path) -> Any:
        """Run a command for its JSON, whatever its status."""
        result = self.herdbook.run(*arguments, "--json")
        assert result.stdout, result.stderr
        return json.loads(result.stdout)

    def shown(self) -> dict[str, Any]:
        """Where the newest rollout is, with the instances there are."""
        return dict(self.said("rollout", "show", self.name))

    def words(self) -> str:
        """What happened, for the message of an assertion."""
        shown = self.shown()
        lines = (
            f"{each['at'][11:23]} {each['instance'] or ''} {each['words']}"
            for each in shown["happened"]
        )
        return "\n".join([f"{shown['state']}: {shown['reason']}", *lines])

    def until(self, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until the rollout is in one of these states."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.shown()
            if shown["state"] in states:
                return shown
            assert time.monotonic() < deadline, f"not {states} in {seconds} s\n{self.words()}"
            self._wait_for_news()

    def _wait_for_news(self) -> None:
        """Wait until the server says something, or for a moment: asking it costs more."""
        size, until = self._log().stat().st_size, time.monotonic() + _LONGEST_QUIET_SECONDS
        while self._log().stat().st_size == size and time.monotonic() < until:
            time.sleep(_WAIT_SECONDS / 10)

    def _log(self) -> Path:
        return self.herdbook.state / "server.log"

    def load(self, rate: int, **options: Any) -> Load:
        """Requests at a fixed rate on the door, until the block ends."""
        return Load(self.port, rate, **options)

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Podman knows of this application's containers, by the instances' names."""
        listed = subprocess.run(
            ["podman", "ps", "--all", "--format", "json"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return {
            each["Names"][0][each["Names"][0].rindex(self.name) :]: each
            for each in json.loads(listed.stdout)
            if self.name in each["Names"][0]
        }

    def processes(self) -> dict[str, int]:
        """The services' own processes, by the instances' names."""
        found: dict[str, int] = {}
        for name, each in self.containers().items():
            if each["State"] == "running":
                with suppress(OSError):  # it has ended meanwhile
                    children = Path(f"/proc/{each['Pid']}/task/{each['Pid']}/children").read_text()
                    found[name] = int(children.split()[0]) if children else each["Pid"]
        return found

    def server_process(self) -> int:
        """The server that tends this application."""
        return self._processes_with("serve")[0]

    def balancer_processes(self) -> list[int]:
        """HAProxy's master and workers."""
        return self._processes_with("haproxy")

    def _processes_with(self, word: str) -> list[int]:
        """Processes of this state that have a word as an argument, or are called by it."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
                state = str(self.herdbook.state)
                is_ours = f"HERDBOOK_STATE={state}\0" in environment or f"{state}/" in command
                if is_ours and word in map(os.path.basename, command.split("\0")):
                    found.append(int(entry.name))
        return sorted(found)

    def namespaces(self) -> list[str]:
        """The network namespaces of this application's instances."""
        names = [line.split()[0] for line in _output("ip", "netns", "list").splitlines()]
        return [each for each in names if self.name in each]

    def left(self) -> list[str]:
        """All of it that is still on this machine: containers, bridges, namespaces, programs."""
        links = json.loads(_output("ip", "-json", "link", "show"))
        scope = digests.short(digests.of_bytes(str(self.herdbook.state).encode()))
        marked = [each["ifname"] for each in links if scope in each.get("ifalias", "")]
        programs = [
            f"{word} {number}"
            for word in ("haproxy", "dnsmasq")
            for number in self._processes_with(word)
        ]
        return [*self.containers(), *marked, *self.namespaces(), *programs]

    def clean(self) -> None:
        """Take all of it down, by force where asking does not help."""
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.herdbook.run("down", self.name)
            self.herdbook.run("serve", "--stop")
        finally:
            self._remove()

    def _remove(self) -> None:
        for word in ("serve", "haproxy", "dnsmasq"):
            for number in self._processes_with(word):
                kill(number)
        for container in self.containers().values():
            subprocess.run(["podman", "rm", "--force", container["Id"]], check=False, timeout=60)
        for each in self.left():
            if each.startswith("herdbook-"):
                subprocess.run(["ip", "netns", "delete", each], check=False)
            elif each.startswith("hb"):
                subprocess.run(["ip", "link", "delete", each], check=False)


@contextmanager
def tiny_application(
    folder: Path,
    replicas: int = 3,
    *,
    update: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[TinyApplication]:
    """An application of its own, with a state of its own; nothing of it is left afterwards."""
    home = folder / "application"
    home.mkdir()
    write_image(home / "layout")
    name = "app" + digests.short(digests.of_bytes(str(folder).encode()))[:8]
    # Started as people start it: what goes on by itself has that long before somebody looks.
    herdbook = Herdbook(folder / "state", ("env",), dict(settings or {}))
    port = HostNetwork().free_port()
    made = TinyApplication(herdbook, home, name, port, replicas, update=dict(update or {}))
    try:
        yield made
    finally:
        made.clean()


def kill(number: int) -> None:
    """Kill a process; it is no matter if it has just ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)


def wait_for(check: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait until something holds; return for how long that took, in seconds."""
    began = time.monotonic()
    while not check():
        assert time.monotonic() < began + seconds, f"{what}: not within {seconds} s"
        time.sleep(_WAIT_SECONDS)
    return time.monotonic() - began


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
