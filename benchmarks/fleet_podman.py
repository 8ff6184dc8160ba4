"""Runs the fleet's containers by Podman alone, behind an HAProxy: what Herdbook is held against."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from service_image import PORT, write_image

from herdbook.drivers.network import HostNetwork

_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
"""
"""What Podman needs on machines where crun and raised limits do not work; no harm elsewhere."""


class PlainPodman:
    """Containers of the same image by Podman alone, and an HAProxy in front of them."""

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._scope = f"fleetbench{os.getpid()}"
        network = HostNetwork()
        self._ports = [network.free_port() for _ in range(count)]
        self.door = network.free_port()
        settings = folder / "containers.conf"
        settings.write_text(_CONTAINERS_CONF, encoding="ascii")
        self._environment = {**os.environ, "CONTAINERS_CONF": str(settings)}
        write_image(folder / "layout")
        self._image = self.must("pull", "--quiet", f"oci:{folder / 'layout'}").split()[-1]

    def name(self, number: int) -> str:
        """What Podman calls one of them."""
        return f"{self._scope}-{number}"

    def must(self, *arguments: str | Path) -> str:
        """Run podman; it has to succeed."""
        result = subprocess.run(
            ["podman", *map(str, arguments)],
            capture_output=True, text=True, check=False, env=self._environment, timeout=300,
        )  # fmt: skip
        if result.returncode:
            raise SystemExit(f"podman {arguments}: {result.stderr}")
        return result.stdout

    def run_all(self, version: str) -> None:
        """Start all containers."""
        for number in range(len(self._ports)):
            self.run(number, version)

    def run(self, number: int, version: str) -> None:
        """Start one container."""
        self.must(
            "run", "--detach", "--init", f"--name={self.name(number)}", f"--env=VERSION={version}",
            f"--publish=127.0.0.1:{self._ports[number]}:{PORT}", self._image,
        )  # fmt: skip

    def play(self, version: str) -> None:
        """Start, or replace, all as pods of one container each."""
        pods = [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": self.name(number)},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": self._image,
                            "env": [{"name": "VERSION", "value": version}],
                            "ports": [
                                {"containerPort": PORT, "hostPort": port, "hostIP": "127.0.0.1"}
                            ],
                        }
                    ]
                },
            }
            for number, port in enumerate(self._ports)
        ]
        file = self._folder / "pods.yaml"
        file.write_text(yaml.safe_dump_all(pods), encoding="utf-8")
        self.must("kube", "play", "--replace", file)

    @contextmanager
    def balanced(self) -> Iterator[None]:
        """Put HAProxy in front of them, with checks as often as Herdbook's."""
        servers = "\n".join(
            f"  server s{number} 127.0.0.1:{port} check inter 500ms fall 3 rise 2"
            for number, port in enumerate(self._ports)
        )
        file = self._folder / "haproxy.cfg"
        file.write_text(
            "defaults\n  mode http\n  timeout connect 2s\n  timeout client 60s\n"
            "  timeout server 60s\n  retries 3\n  option redispatch\n"
            f"listen all\n  bind 127.0.0.1:{self.door}\n  option httpchk GET /healthz\n"
            f"{servers}\n",
            encoding="ascii",
        )
        with subprocess.Popen(
            ["haproxy", "-db", "-f", str(file)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as haproxy:
            try:
                time.sleep(2)
                yield
            finally:
                haproxy.kill()

    def clean(self) -> None:
        """Remove what is left."""
        for number in range(len(self._ports)):
            for kind in ("pod", "container"):
                subprocess.run(
                    ["podman", kind, "rm", "--force", "--time=0", self.name(number)],
                    capture_output=True, check=False, env=self._environment, timeout=60,
                )  # fmt: skip


@contextmanager
def plain_podman(folder: Path, count: int) -> Iterator[PlainPodman]:
    """Containers by Podman alone; nothing of them is left afterwards."""
    podman = PlainPodman(folder, count)
    try:
        yield podman
    finally:
        podman.clean()
