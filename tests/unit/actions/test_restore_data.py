"""The backup that is restored where nobody names one."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.back_up import back_up
from herdbook.actions.release_application import release_application
from herdbook.actions.restore_data import RestoreWish, restore
from herdbook.actions.workshop import Workshop
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake import FakeClock
from herdbook.drivers.fake.backups import FakeBackups
from herdbook.drivers.fake.volumes import FakeVolumes
from herdbook.recipes.model import Variant

_TEXT = """
services:
  web:
    image: web
    volumes: ["data:/data"]
    x-herdbook: {class: pet}
volumes: {data: {}}
"""


class _Clock(FakeClock):
    """One that can be wrong."""

    wrong_by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.wrong_by


class _Said(NoProgress):
    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, text: str) -> None:
        self.words.append(text)


class _Bench:
    """An application that is down, whose one volume holds a file."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.said, store = _Clock(), _Said(), FakeBackups()
        self.volumes = FakeVolumes(folder, self.clock)
        self.workshop: Workshop = replace(
            fleet_workshop(folder / "state"),
            clock=self.clock,
            progress=self.said,
            volumes={Variant.CONTAINER: self.volumes},
            backups=lambda _: store,
            backup_key=folder / "backup.key",
        )
        release_application(self.workshop, MadeUpNetwork(), composed(folder / "shop", _TEXT))
        self.path = self.volumes.make("shop_data", 0)

    def back_up(self, content: bytes) -> str:
        self.volumes.shelf.volumes[self.path].files["file"] = content
        self.clock.sleep(3600)
        (made,) = back_up(self.workshop, "shop", to="/target", volume="data")
        return made.backup.name

    def restored(self, name: str = "") -> bytes:
        restore(self.workshop, RestoreWish("shop", "data", name, "/target"))
        return self.volumes.shelf.volumes[self.path].files["file"]


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    return _Bench(tmp_path)


def test_the_newest_backup_is_restored(bench: _Bench) -> None:
    bench.back_up(b"first")
    bench.back_up(b"second")
    assert bench.restored() == b"second"
    assert not bench.said.words


def test_a_backup_from_the_future_is_restored_only_where_it_is_named(bench: _Bench) -> None:
    """A clock was wrong when it was made: it may be older than all others."""
    bench.clock.wrong_by = timedelta(days=3650)
    ahead = bench.back_up(b"ahead")
    bench.clock.wrong_by = timedelta()
    bench.back_up(b"right")
    assert bench.restored() == b"right"
    assert ahead in bench.said.words[0]
    assert bench.restored(ahead) == b"ahead"
