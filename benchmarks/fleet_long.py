"""Measures many releases in a row under load: of containers, and of them and machines mixed."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from applications import TinyApplication, tiny_application
from fleet_ways import STEADY_SECONDS, Way, way_of
from service_image import compiled_service

LONG_RATE = 500
MIXED_RATE = 250
"""Requests a second: machines are emulated."""

_REQUESTS = int(os.environ.get("HERDBOOK_BENCH_REQUESTS", "100000"))
_CANARY = {"instances": 1, "weight": 20, "analysis": "2s"}
_RECIPE = """\
image: bench/mixed
from: debian:bookworm
files: [{from: service, to: /usr/local/bin/service}]
service:
  command: [/usr/local/bin/service]
  ports: [8080]
  health: {http: /healthz}
variants: [container, vm]
vm: {memory: 192M, cpus: 1}
"""


def long_run(folder: Path) -> Way:
    """Many requests across rolling updates, canaries and releases that are aborted."""
    place = folder / "long"
    place.mkdir()
    with tiny_application(place, 4) as application:
        return _released_under_load(application, LONG_RATE, "Herdbook")


def mixed_run(folder: Path) -> Way:
    """The same, of containers and machines of one image behind one door."""
    place = folder / "mixed"
    place.mkdir()
    with _mixed_application(place) as application:
        return _released_under_load(application, MIXED_RATE, "Herdbook, containers and machines")


def _released_under_load(application: TinyApplication, rate: int, name: str) -> Way:
    application.policy = {"settle": "200ms", "bake": "1s"}
    application.up("v1")
    application.until("complete", seconds=120)
    load = application.load(rate, slow=100, elsewhere=True)
    load.start()
    began = time.monotonic()
    time.sleep(STEADY_SECONDS)
    rounds, turning = 0, time.monotonic()
    while time.monotonic() < began + _REQUESTS / rate:
        _three_releases(application)
        rounds += 1
    seconds = time.monotonic() - turning
    told = f"{name}, {rounds} times rolling, canary and aborted release"
    return way_of(told, load.stop(), turning, seconds)


def _three_releases(application: TinyApplication) -> None:
    application.policy = {"settle": "200ms", "bake": "1s"}
    application.up("v2")
    application.until("complete", seconds=120)
    application.policy |= {"strategy": "canary", "canary": _CANARY}
    application.up("v1")
    application.until("complete", seconds=120)
    application.policy |= {"canary": {**_CANARY, "hold": True}}
    application.up("v2")
    application.said("rollout", "abort", application.name)
    application.until("rolled back", seconds=120)


class _Mixed(TinyApplication):
    """Two containers and two machines of one image that share a door."""

    def write(self, version: str, **environment: str) -> None:
        """Write the file of another version."""
        super().write(version, **environment)
        document: dict[str, Any] = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        web = document["services"]["web"]
        del web["image"]
        web["deploy"]["replicas"] = 2
        web["deploy"]["update_config"]["parallelism"] = 1
        wishes = web["x-herdbook"]
        wishes |= {"image": "bench/mixed", "deadline": "120s"}
        # A machine that is emulated answers late while another one boots.
        wishes["probe"] |= {"interval": "1s", "timeout": "5s", "fall": 4}
        document["services"]["web-vm"] = {**web, "x-herdbook": {**wishes, "kind": "vm"}}
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


@contextmanager
def _mixed_application(folder: Path) -> Iterator[TinyApplication]:
    with tiny_application(folder) as tiny:
        program = compiled_service()
        if program is None:
            raise SystemExit("This needs a C compiler with a static libc.")
        (folder / "service").write_bytes(program)
        (folder / "service").chmod(0o755)
        (folder / "herdbook.yaml").write_text(_RECIPE)
        tiny.herdbook.must("build", folder / "herdbook.yaml")
        yield _Mixed(tiny.herdbook, tiny.folder, tiny.name, tiny.port)
