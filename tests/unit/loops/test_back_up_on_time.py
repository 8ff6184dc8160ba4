"""Volumes are backed up when they are due, one at a time, and what came of it is said."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_fleet import Here
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.list_data import HeldVolume, backups_of
from herdbook.actions.release_application import release_application
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import NotFoundError
from herdbook.drivers.fake import FakeClock
from herdbook.drivers.fake.backups import FakeBackups
from herdbook.drivers.fake.volumes import FakeVolumes
from herdbook.fleet.backups import BackupStore
from herdbook.loops.back_up_on_time import BackupsOnTime, Memory, Planned, due
from herdbook.recipes.model import Variant

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def planned(name: str, schedule: str = "1h") -> Planned:
    return Planned(HeldVolume("shop", "web", Variant.CONTAINER, name), schedule, "/target", NOON)


def test_what_nobody_has_looked_for_is_due_so_that_a_missed_time_is_caught_up() -> None:
    one = planned("one", "0 3 * * *")
    assert due([one], {}, NOON, 0) == one


def test_nothing_is_due_before_its_time() -> None:
    one = planned("one")
    memories = {one.key: Memory(looked=True, last=NOON)}
    assert due([one], memories, NOON + HOUR - timedelta(seconds=1), 0) is None
    assert due([one], memories, NOON + HOUR, 0) == one


def test_what_waits_longest_comes_first() -> None:
    one, two = planned("one"), planned("two")
    memories = {
        one.key: Memory(looked=True, last=NOON - HOUR),
        two.key: Memory(looked=True, last=NOON - 2 * HOUR),
    }
    assert due([one, two], memories, NOON + HOUR, 0) == two


def test_what_failed_is_left_alone_for_an_hour_and_keeps_nothing_else_waiting() -> None:
    one, two = planned("one"), planned("two")
    memories = {
        one.key: Memory(looked=True, last=NOON - 9 * HOUR, failed_at=5000),
        two.key: Memory(looked=True, last=NOON - HOUR),
    }
    assert due([one, two], memories, NOON, 5000) == two
    memories[two.key] = Memory(looked=True, last=NOON + HOUR / 4)
    assert due([one, two], memories, NOON + HOUR / 2, 6800) is None
    assert due([one, two], memories, NOON + HOUR, 8600) == one


def test_a_schedule_that_means_nothing_keeps_no_other_volume_waiting() -> None:
    """A release of before may have one: it is carried out, and fails, and then rests."""
    one, two = planned("one", "*/00 * * * *"), planned("two")
    memories = {each.key: Memory(looked=True, last=NOON - HOUR) for each in (one, two)}
    assert due([one, two], memories, NOON, 0) == one
    memories[one.key] = replace(memories[one.key], failed_at=0)
    assert due([one, two], memories, NOON, 5) == two


class _Clock(FakeClock):
    """One that can be wrong."""

    wrong_by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.wrong_by


class _Counting(Here):
    """Does what it is given at once, and counts it."""

    done = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.done += 1
        return super().submit(fn, *args, **kwargs)


class _Bench:
    """An application whose one volume is to be backed up every hour, and its server."""

    def __init__(self, folder: Path) -> None:
        self.store = FakeBackups()
        self.mounted = True
        self.fault: Exception | None = None
        made = fleet_workshop(folder / "state")
        self.clock = _Clock()
        self.volumes = volumes = FakeVolumes(folder, self.clock)
        self.workshop: Workshop = replace(
            made,
            clock=self.clock,
            volumes={Variant.CONTAINER: volumes},
            backups=self._opened,
            backup_key=folder / "backup.key",
        )
        text = """
        services:
          web:
            image: web
            volumes: ["data:/data"]
            x-herdbook: {class: pet, backup: {schedule: 1h, keep: 2, to: /target}}
        volumes: {data: {}}
        """
        application = composed(folder / "shop", text)
        release = release_application(self.workshop, MadeUpNetwork(), application)
        found = self.workshop.fleet.find("shop")
        assert found is not None
        self.workshop.fleet.keep(replace(found, standing=release.number))
        path = volumes.make("shop_data", 0)
        volumes.shelf.volumes[path].files["file"] = b"content"
        self.pool = _Counting()
        self.said: list[str] = []
        self.loop = self.restarted()

    def restarted(self) -> BackupsOnTime:
        return BackupsOnTime(self.workshop, self.pool, self.said.append)

    def _opened(self, address: str) -> BackupStore:
        assert address == "/target"
        if self.fault is not None:
            raise self.fault
        if not self.mounted:
            raise NotFoundError("There is no directory /target", hint="Mount it.")
        return self.store

    def pass_(self, hours: float) -> None:
        """Let time pass, in which the loop turns every ten minutes."""
        for _ in range(int(hours * 6)):
            self.workshop.clock.sleep(600)
            self.loop.turn()
            self.loop.turn()

    def backups(self) -> int:
        return len(backups_of(self.workshop, "shop")[0][1].backups)

    def happened(self) -> list[str]:
        return [each.words for each in self.workshop.fleet.happenings("shop")]


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    return _Bench(tmp_path)


def test_a_volume_is_backed_up_at_once_and_then_every_hour(bench: _Bench) -> None:
    bench.loop.turn()
    bench.loop.turn()
    assert bench.backups() == 1
    bench.pass_(3)
    assert bench.pool.done == 4
    assert bench.backups() == 2
    words = [each for each in bench.happened() if "shop_data is backed up to memory" in each]
    assert len(words) == 4
    assert bench.said[0].startswith("shop: shop_data is backed up")


def test_a_server_that_comes_back_does_not_back_up_again_before_its_time(bench: _Bench) -> None:
    bench.loop.turn()
    bench.loop.turn()
    bench.loop = bench.restarted()
    bench.loop.turn()
    bench.loop.turn()
    assert bench.backups() == 1
    bench.workshop.clock.sleep(30 * 3600)
    bench.loop = bench.restarted()
    for _ in range(4):
        bench.loop.turn()
    assert bench.backups() == 2


def test_a_failure_is_said_once_an_hour_and_made_up_for(bench: _Bench) -> None:
    bench.mounted = False
    bench.pass_(2)
    failures = [each for each in bench.happened() if "failed" in each]
    assert failures[0] == (
        "the backup of shop_data failed: There is no directory /target (Mount it.)"
    )
    assert len(failures) == 2
    bench.mounted = True
    bench.pass_(1)
    assert bench.backups() == 1


def test_a_fault_of_ours_is_a_failure_too_and_not_tried_again_at_once(bench: _Bench) -> None:
    """Each try might copy the whole volume."""
    bench.fault = OSError(116, "Stale file handle")
    bench.pass_(2)
    assert bench.pool.done == 2
    failures = [each for each in bench.happened() if "failed" in each]
    assert len(failures) == 2
    assert failures[0].endswith("a fault in Herdbook: OSError: [Errno 116] Stale file handle")
    assert any("Traceback" in each for each in bench.said)
    bench.fault = None
    bench.pass_(1)
    assert bench.backups() == 1


def test_a_clock_that_was_ahead_once_stops_no_backups(bench: _Bench) -> None:
    """What it left is said once, does not count, and goes first."""
    bench.clock.wrong_by = timedelta(days=3650)
    bench.pass_(0.5)
    assert bench.backups() == 1
    bench.clock.wrong_by = timedelta()
    bench.loop = bench.restarted()
    bench.pass_(0.5)
    assert bench.backups() == 2
    bench.pass_(1)
    ((_, shelf),) = backups_of(bench.workshop, "shop")
    assert [each.taken_at.year for each in shelf.backups] == [2026, 2026]
    assert len([each for each in bench.happened() if "from the future" in each]) == 1


def test_a_clock_that_goes_back_while_the_server_runs_stops_no_backups(bench: _Bench) -> None:
    bench.pass_(0.5)
    bench.clock.wrong_by = -timedelta(days=3650)
    bench.pass_(3)
    assert bench.pool.done == 4


def test_a_failure_rests_for_an_hour_whatever_the_clock_does(bench: _Bench) -> None:
    bench.mounted = False
    bench.pass_(0.5)
    bench.clock.wrong_by = -timedelta(days=3650)
    bench.mounted = True
    bench.pass_(1)
    assert bench.backups() == 1


def test_an_application_that_is_down_is_not_backed_up(bench: _Bench) -> None:
    found = bench.workshop.fleet.find("shop")
    assert found is not None
    bench.workshop.fleet.keep(replace(found, standing=0))
    bench.pass_(2)
    assert bench.pool.done == 0


def test_a_server_that_ends_does_not_wait_until_others_have_written(bench: _Bench) -> None:
    with ThreadPoolExecutor(1) as pool, bench.store.alone():
        loop = BackupsOnTime(bench.workshop, pool, bench.said.append)
        loop.turn()
        _until(lambda: bench.volumes.snapshots("shop_data"))
        loop.close()
        _until(lambda: not bench.volumes.snapshots("shop_data"))
    loop.turn()
    assert "The server ends" in bench.happened()[-1]


def _until(happens: Callable[[], object]) -> None:
    for _ in range(500):
        if happens():
            return
        time.sleep(0.02)
    pytest.fail("it takes too long")


def test_a_server_that_ends_waits_for_no_backup(bench: _Bench) -> None:
    bench.loop.close()
    bench.loop.turn()
    bench.loop.turn()
    assert bench.backups() == 0
    assert "The server ends" in bench.happened()[-1]
