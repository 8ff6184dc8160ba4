"""What the engines' contract suite works with: the bench of an engine, and ways to look at it."""

import base64
import http.client
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from engine_service import PORT

from herdbook.core.digests import of_bytes
from herdbook.drivers import process
from herdbook.drivers.network import HostNetwork
from herdbook.drivers.podman import PodmanEngine
from herdbook.drivers.qemu import QemuEngine
from herdbook.fleet.instances import (
    ContainerArtefact,
    MachineArtefact,
    Origin,
    PublishedPort,
    Seen,
    Wanted,
)
from herdbook.fleet.ports import Engine

Artefact = ContainerArtefact | MachineArtefact

# Spaces, a comma (which QEMU's options end at) and more bytes than a socket's path may have.
STATE_DIRECTORY = f"a state directory, {'long ' * 20}"

READY_SECONDS = 60.0

_START = """
import pickle, sys
from pathlib import Path
from herdbook.core.clock import SystemClock
from {module} import {engine}
{engine}(Path(sys.argv[1]), SystemClock()).start(pickle.load(sys.stdin.buffer))
"""


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


class HasArtefact(Protocol):
    artefact: Artefact


def wanted(bench: HasArtefact, name: str, **changes: object) -> Wanted:
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
    return PublishedPort(PORT, HostNetwork().free_port())


def http_get(port: PublishedPort, path: str) -> str:
    connection = http.client.HTTPConnection(port.host_address, port.host_port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def start_elsewhere(
    engine: type[PodmanEngine | QemuEngine], state_directory: Path, one: Wanted, *wrapper: str
) -> None:
    """Start an instance from a process that ends at once; `wrapper` is what that runs in."""
    start = _START.format(module=engine.__module__, engine=engine.__name__)
    arguments = [*wrapper, sys.executable, "-c", start, str(state_directory)]
    result = process.run(arguments, given=pickle.dumps(one))
    assert result.succeeded, result.errors


def start_elsewhere_and_be_killed(
    engine: type[PodmanEngine | QemuEngine],
    state_directory: Path,
    one: Wanted,
    begun: Callable[[], object],
) -> None:
    """Start an instance from a process that is killed as soon as something has `begun`."""
    start = _START.format(module=engine.__module__, engine=engine.__name__)
    arguments = [sys.executable, "-c", start, str(state_directory)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE) as killed:
        assert killed.stdin
        killed.stdin.write(pickle.dumps(one))
        killed.stdin.close()
        while not begun() and killed.poll() is None:
            time.sleep(0.002)
        killed.kill()


def seen_of(engine: Engine, name: str) -> Seen:
    """What an engine says of one instance."""
    (seen,) = [one for one in engine.observe() if one.name == name]
    return seen


def stop_all(engine: Engine) -> None:
    for seen in engine.observe():
        engine.stop(seen.name, grace_seconds=0)


@contextmanager
def usable(engine: Engine) -> Iterator[None]:
    """Skip where an engine does not work; what was started there is stopped at the end."""
    unusable = engine.capabilities().unusable
    if unusable:
        pytest.skip(unusable)
    try:
        yield
    finally:
        stop_all(engine)


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
