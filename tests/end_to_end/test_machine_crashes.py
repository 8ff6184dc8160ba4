"""A server that is killed while it rolls out over machines is taken over from, on real QEMU."""

import contextlib
import http.client
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest
import yaml
from applications import TinyApplication, kill, wait_for
from product import Herdbook, Shop
from tiny import copied_state

from herdbook.core import digests
from herdbook.drivers.network import HostNetwork
from herdbook.drivers.runtime_directory import socket_path

pytestmark = [
    *(pytest.mark.root, pytest.mark.archive, pytest.mark.podman, pytest.mark.qemu),
    pytest.mark.timeout(3600 if os.environ.get("HERDBOOK_CRASHES") == "long" else 900),
]

TIMES = 20 if os.environ.get("HERDBOOK_CRASHES") == "long" else 1
KILLS = 3
LONGEST_SECONDS = 8.0
"""Three times that is a bit more than what the rollout takes that is disturbed."""

PORT = 8080
RECIPE = """\
image: t/machine
from: shop/web
user: root
files:
  - {from: serve, to: /usr/local/bin/serve}
  - {from: add, to: /srv/www/cgi-bin/add}
service:
  command: [/usr/local/bin/serve]
  ports: [8080]
  health: {http: /healthz}
variants: [vm]
vm: {memory: 192M, cpus: 1}
"""
SERVE = """\
#!/bin/sh
echo "$VERSION" >/srv/www/version
echo well >/srv/www/healthz
if [ -d /data ]; then
    echo "$VERSION" >>/data/starts
    touch /data/added
    sync
    ln -s /data/starts /data/added /srv/www
fi
exec busybox httpd -f -p 8080 -h /srv/www
"""
ADD = """\
#!/bin/sh
echo "$QUERY_STRING" >>/data/added && sync && printf 'Content-Type: text/plain\\r\\n\\r\\nadded\\n'
"""


class MachineApplication(TinyApplication):
    """A pet with a volume and cattle, all of them machines, each with a door of its own."""

    def write(self, version: str, **environment: str) -> None:
        """Write the file of another version."""
        wishes = {
            "kind": "vm",
            "image": "t/machine",
            "ingress": {"port": PORT},
            "probe": {"http": "/healthz"},
            "settle": "200ms",
            "bake": "1s",
            "deadline": "120s",
        }
        service = {
            "environment": {"VERSION": version, **environment},
            "stop_grace_period": "4s",
            "deploy": {
                "update_config": {
                    "order": "start-first",
                    "failure_action": "rollback",
                    "monitor": "500ms",
                }
            },
        }
        document = {
            "name": self.name,
            "services": {
                "store": {
                    **service,
                    "ports": [f"127.0.0.1:{self.store_port}:{PORT}"],
                    "volumes": ["data:/data"],
                    "x-herdbook": {**wishes, "class": "pet"},
                },
                "web": {
                    **service,
                    "ports": [f"127.0.0.1:{self.port}:{PORT}"],
                    "x-herdbook": wishes,
                },
            },
            "volumes": {"data": {}},
        }
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    @cached_property
    def store_port(self) -> int:
        """The door of the pet."""
        return HostNetwork().free_port()

    def stored(self, path: str) -> list[str] | None:
        """The lines that the pet answers with; None while it does not answer."""
        return lines(self.store_port, path)

    def machines(self) -> Counter[str]:
        """How many QEMU processes there are of each machine of this application."""
        found: Counter[str] = Counter()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError, ValueError):
                words = entry.read_bytes().decode(errors="replace").split("\0")
                if words[0].endswith("qemu-system-x86_64") and str(self.herdbook.state) in str(
                    words
                ):
                    found[words[words.index("-name") + 1]] += 1
        return found

    def is_whole(self) -> bool:
        """Whether each service has one that serves, and there is nothing else, nor a process."""
        instances = self.shown()["instances"]
        return (
            sorted(each["role"] for each in instances) == ["serving", "serving"]
            and len({each["instance"].rsplit("-", 1)[0] for each in instances}) == 2
            and self.machines() == Counter(each["instance"] for each in instances)
        )

    def traces(self) -> list[str]:
        """What machines have left in files: their directories, claims and sockets, and volumes."""
        state = self.herdbook.state
        return [
            *(f"directory {each.name}" for each in (state / "instances").glob("*")),
            *(f"claim {each.name}" for each in (state / "claims").glob("*")),
            *(f"volume {each.name}" for each in (state / "volumes/disks/current").glob("*")),
            *(f"socket {each}" for each in self._attempts() if self._socket(each).exists()),
        ]

    def _attempts(self) -> list[str]:
        """The names of more machines than there ever are."""
        services = ("store", "web")
        return [f"{self.name}-{each}-0-{number}" for each in services for number in range(200)]

    def _socket(self, machine: str) -> Path:
        return socket_path("qemu", self.herdbook.state / "instances" / machine)

    def _remove(self) -> None:
        super()._remove()
        for number in self._processes_with("qemu-system-x86_64"):
            kill(number)


class Writer:
    """Adds numbers to the pet's data one after the other; `added` are those it was thanked for."""

    def __init__(self, application: MachineApplication) -> None:
        self.added: list[str] = []
        self._application = application
        self._stop = Event()
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.3):
            number += 1
            if lines(self._application.store_port, f"/cgi-bin/add?{number}") == ["added"]:
                self.added.append(str(number))


def lines(port: int, path: str) -> list[str] | None:
    """The lines of an answer; None where there is none, or not a good one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode().splitlines() if answer.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@pytest.fixture(scope="module")
def built(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Herdbook:
    """An image of machines that keep what they are told, in a state of its own.

    It stands on an image that other tests have built, too.
    """
    folder = tmp_path_factory.mktemp("machines")
    for name, content in {"herdbook.yaml": RECIPE, "serve": SERVE, "add": ADD}.items():
        (folder / name).write_text(content)
    for name in ("serve", "add"):
        (folder / name).chmod(0o755)
    herdbook = copied_state(shop.herdbook.state, folder)
    herdbook.must("build", folder / "herdbook.yaml")
    return herdbook


@pytest.fixture
def application(built: Herdbook, tmp_path: Path) -> Iterator[MachineApplication]:
    """Both of v1 that serve."""
    name = "app" + digests.short(digests.of_bytes(str(tmp_path).encode()))[:8]
    made = MachineApplication(built, tmp_path, name, HostNetwork().free_port(), 1)
    try:
        made.up("v1")
        made.until("complete", "paused", seconds=180)
        assert made.is_whole(), made.words()
        yield made
    finally:
        made.clean()


def test_a_server_killed_at_any_moment_of_a_rollout_over_machines_is_taken_over_from(
    application: MachineApplication,
) -> None:
    """No duplicate, and no process, card, disk or file that nobody knows; no data is lost.

    Whatever the pet has thanked for is there, once, and whoever started on its data is known.
    """
    chance = random.Random(12)  # noqa: S311 - no secret
    before = application.left()
    traces = len(application.traces())
    with Writer(application) as writer:
        for number in range(2, TIMES + 2):
            version = f"v{number}"
            application.write(version)
            with application.herdbook.running("up", application.file, "--json") as command:
                for _ in range(KILLS):
                    time.sleep(chance.uniform(0.0, LONGEST_SECONDS))
                    with contextlib.suppress(IndexError):  # it may just be starting
                        kill(application.server_process())
                    command.kill()
                    application.said("up", application.file, "--no-wait")
                command.communicate()
            shown = application.until("complete", seconds=240)
            assert shown["to_release"] == number, application.words()
            wait_for(application.is_whole, 60, application.words())
            wait_for(lambda: len(application.left()) == len(before), 30, str(application.left()))
            wait_for(lambda: len(application.traces()) == traces, 10, str(application.traces()))
            assert application.answered_version() == version
            assert application.stored("/version") == [version]
            starts = application.stored("/starts")
            assert starts is not None
            assert set(starts) == {f"v{each}" for each in range(1, number + 1)}
            assert starts == sorted(starts, key=lambda each: int(each[1:])), (
                "one of before came back"
            )
    added = application.stored("/added")
    assert added is not None
    assert writer.added, "nothing was added"
    lost = [each for each in writer.added if each not in added]
    assert not lost, f"{lost} of {writer.added}"
    twice = [each for each, count in Counter(added).items() if count > 1]
    assert not twice
