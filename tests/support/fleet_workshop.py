"""A workshop whose machine is made up, with a register in SQLite: for what acts on applications."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path
from textwrap import dedent
from typing import Any

from herdbook.actions.workshop import Workshop
from herdbook.compose.model import Application
from herdbook.compose.reading import read_application
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.core.progress import NoProgress, Progress
from herdbook.drivers.fake import FakeClock, FakeEngine, FakeNames, FakeSwitch
from herdbook.drivers.fake.balancer import FakeBalancer
from herdbook.drivers.fake.volumes import FakeVolumes
from herdbook.images.bases import LockedBase
from herdbook.recipes.model import Variant
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings
from herdbook.store.database import open_database

CONFIGURATION: dict[str, Any] = {
    "config": {"ExposedPorts": {"8000/tcp": {}, "53/udp": {}, "1-2/tcp": {}}}
}


class KnownImages:
    """Images of elsewhere: those whose name begins with `web` or `db` exist, and have no layers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def resolve(self, reference: str, folder: Path, progress: Progress) -> LockedBase:
        del folder, progress
        if not reference.startswith(("web", "db")):
            raise NotFoundError(f"There is no image {reference}")
        content = digests.canonical_json(CONFIGURATION)
        config = digests.of_bytes(content)
        self.kept(config).write_bytes(content)
        manifest = digests.of_bytes(reference.encode())
        return LockedBase(reference=reference, manifest=manifest, config=config, layers=())

    def fetch(self, locked: LockedBase, folder: Path, progress: Progress) -> None:
        del locked, folder, progress

    def kept(self, digest: Digest) -> Path:
        return self._folder / digests.hexadecimal(digest)


@dataclass
class MadeUpNetwork:
    """A machine with these programs listening, and these networks."""

    taken: set[int] = field(default_factory=set)
    known: list[IPv4Network] = field(default_factory=list)
    next_port: int = 40000

    def free_port(self) -> int:
        self.next_port += 1
        return self.next_port

    def is_taken(self, address: str, port: int) -> bool:
        del address
        return port in self.taken

    def subnets(self) -> list[IPv4Network]:
        return self.known

    def answers(self, address: str, port: int, path: str, limit_seconds: float = 1.0) -> bool:
        del address, port, path, limit_seconds
        return False


def fleet_workshop(state: Path) -> Workshop:
    """Return a workshop for containers that run nowhere."""
    clock = FakeClock()
    state.mkdir(parents=True)
    (state / "herdbook.db").write_bytes(empty_register())
    opened = open_workshop(Settings(state, f"sqlite:///{state}/herdbook.db"), NoProgress())
    engine = FakeEngine(state, clock)
    return replace(
        opened,
        bases=KnownImages(state / "known-images"),
        engines={Variant.CONTAINER: engine},
        insides={Variant.CONTAINER: engine},
        volumes={Variant.CONTAINER: FakeVolumes(state, clock)},
        switch=FakeSwitch(state),
        names=FakeNames(state),
        balancer=FakeBalancer(),
        clock=clock,
        booted_at=lambda: None,
    )


@cache
def empty_register() -> bytes:
    """Return a database with all tables, in SQLite's form: to make them anew takes its time."""
    made = open_database("sqlite://")
    with made.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        content = raw.serialize()
    made.dispose()
    return content


def composed(
    folder: Path, text: str, files: Mapping[str, str] | None = None, **options: Any
) -> Application:
    """Return what a Compose file says."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**(files or {}), "compose.yaml": dedent(text)}.items():
        (folder / name).write_text(content)
    return read_application([folder], **{"environment": {}, **options}).application
