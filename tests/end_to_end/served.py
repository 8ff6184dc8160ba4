"""A register with one small image, served for those alone who say who they are."""

import http.client
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from applications import wait_for
from product import Herdbook

from herdbook.drivers.network import HostNetwork


@dataclass(frozen=True)
class Served:
    """A state with t/tiny:1, and what its server has printed once it has ended."""

    herdbook: Herdbook
    port: int
    folder: Path
    printed: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    def status(self, path: str, name: str = "", password: str = "") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        said = b64encode(f"{name}:{password}".encode()).decode()
        try:
            connection.request("GET", path, headers={"Authorization": f"Basic {said}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def podman(self, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Podman with logins of its own, and without asking for TLS."""
        verb, *rest = words
        file = f"--authfile={self.folder / 'auth.json'}"
        return subprocess.run(
            ["podman", verb, file, "--tls-verify=false", *rest],
            input=given, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def by_token(self, text: str, *words: str) -> "subprocess.CompletedProcess[str]":
        settings = {**self.herdbook.settings, "HERDBOOK_TOKEN": text}
        return Herdbook(self.herdbook.state, settings=settings).run(*words)


@contextmanager
def served_by(herdbook: Herdbook, folder: Path) -> Iterator[Served]:
    """Serve a state until the block ends; `folder` is for Podman's logins."""
    (folder / "auth.json").write_text("{}")
    found = Served(herdbook, HostNetwork().free_port(), folder)
    words = ("serve", "--require-login", "--listen", f"127.0.0.1:{found.port}")
    with herdbook.running(*words) as program:
        wait_for(lambda: found.status("/v2/") == 401, 60, "it asks")
        yield found
        program.terminate()
        found.printed.extend(program.communicate(timeout=60))
