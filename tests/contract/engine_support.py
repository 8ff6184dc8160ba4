"""What the engines' contract suite works with: the bench of an engine, and ways to look at it."""

import base64
import http.client
import os
import pickle
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engine_service import PORT

from herdbook.core.digests import of_bytes
from herdbook.drivers import process
from herdbook.fleet.instances import (
    ContainerArtefact,
    MachineArtefact,
    Origin,
    PublishedPort,
    Wanted,
)
from herdbook.fleet.ports import Engine

Artefact = ContainerArtefact | MachineArtefact

# Spaces, a comma (which QEMU's options end at) and more bytes than a socket's path may have.
STATE_DIRECTORY = f"a state directory, {'long ' * 20}"

READY_SECONDS = 60.0


class Bench(Protocol):
    """One kind of engine, and what to try it with; `state_directory` is where `engine` works."""

    state_directory: Path
    artefact: Artefact
    broken_artefact: Artefact

    def engine(self, state_directory: Path | None = None) -> Engine:
        """A new engine object, that knows nothing of earlier ones."""
        ...

    def start_from_another_process(self, wanted: Wanted) -> None: ...

    def read(self, seen_port: PublishedPort, path: str) -> str:
        """What the service answers there; empty while it does not."""
        ...

    def kill(self, name: str) -> None:
        """End an instance by force, behind its engine's back."""
        ...

    def end(self, name: str) -> None:
        """Have an instance that was started with ENDS_WITH=3 end; most do by themselves."""
        ...

    def seen_by_others(self, name: str) -> bytes:
        """All that other users of this machine, or a listing, could see of an instance."""
        ...


def wanted(bench: Bench, name: str, **changes: object) -> Wanted:
    plain = Wanted(
        name, Origin("web", 7, of_bytes(b"web 7")), bench.artefact, memory_bytes=192 << 20
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def until(found: Callable[[], object]) -> None:
    """Wait for it, as long as the slowest machine may take."""
    deadline = time.monotonic() + READY_SECONDS
    while not found():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def free_port() -> PublishedPort:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return PublishedPort(PORT, probe.getsockname()[1])


def http_get(port: PublishedPort, path: str) -> str:
    connection = http.client.HTTPConnection(port.host_address, port.host_port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def start_elsewhere(script: str, state_directory: Path, one: Wanted) -> None:
    arguments = [sys.executable, "-c", script, str(state_directory)]
    result = process.run(arguments, given=pickle.dumps(one))
    assert result.succeeded, result.errors


def processes_listing() -> bytes:
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(path.read_bytes())
        except OSError:
            continue
    return b"\n".join(commands)


def files_for_all(directory: Path) -> bytes:
    """The content of all files below a directory that other users can reach."""
    contents = []
    for parent, names, files in os.walk(directory):
        names[:] = [name for name in names if (Path(parent) / name).stat().st_mode & 0o001]
        paths = [Path(parent) / name for name in files]
        contents += [path.read_bytes() for path in paths if path.stat().st_mode & 0o004]
    return b"\n".join(contents)


def forms(secret: bytes) -> list[bytes]:
    """The shapes in which a secret might be seen."""
    return [secret, base64.b64encode(secret).rstrip(b"=")]
