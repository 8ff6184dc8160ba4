"""A real registry on this machine, whose stored bytes a test can change."""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.drivers import process
from herdbook.drivers.network import HostNetwork

_CONFIGURATION = """
version: 0.1
storage:
  filesystem:
    rootdirectory: {folder}
http:
  addr: {host}
{more}
"""
_LOGIN = """
auth:
  htpasswd: {{realm: test, path: {folder}/people}}
"""
_LIMIT_SECONDS = 20.0


@dataclass(frozen=True)
class Registry:
    """A registry under way at `host`, which keeps its files in `folder`."""

    host: str
    folder: Path

    def push(self, source: str, name: str, *options: str) -> None:
        """Copy an image into the registry."""
        target = f"docker://{self.host}/{name}"
        command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", *options]
        pushed = process.run([*command, source, target])
        assert pushed.succeeded, pushed.errors

    def blob(self, digest: Digest) -> Path:
        digits = digests.hexadecimal(digest)
        return self.folder / f"docker/registry/v2/blobs/sha256/{digits[:2]}/{digits}/data"


@contextmanager
def registry(
    folder: Path, *, login: bool = False, people: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[Registry]:
    """Run a registry; with `login` it wants one that nobody has, with `people` one of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    hashed = (_hashed(*each) for each in (people or {}).items())
    (folder / "people").write_text("".join(f"{line}\n" for line in hashed))
    host = f"127.0.0.1:{port or HostNetwork().free_port()}"
    more = _LOGIN.format(folder=folder) if login or people else ""
    configuration = folder / "config.yml"
    configuration.write_text(_CONFIGURATION.format(folder=folder, host=host, more=more))
    log = folder / "log"
    with log.open("ab") as output:
        command = ["docker-registry", "serve", str(configuration)]
        with process.spawn(command, stdout=output, stderr=output) as server:
            _wait(host)
            yield Registry(host, folder)
            server.terminate()


def _wait(host: str) -> None:
    address, _, port = host.partition(":")
    deadline = time.monotonic() + _LIMIT_SECONDS
    while True:
        with closing(socket.socket()) as probe:
            if probe.connect_ex((address, int(port))) == 0:
                return
        assert time.monotonic() < deadline, "the registry does not start"
        time.sleep(0.05)


def _hashed(user: str, password: str) -> str:
    """Return a line of an htpasswd file; docker-registry takes bcrypt alone, as glibc has it."""
    program = "print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))"
    return f"{user}:{process.run(['perl', '-e', program, password]).output}"
