"""What has become of a machine is told from what it left."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.drivers.claims import claim, is_claimed
from herdbook.drivers.findings import boot_id
from herdbook.drivers.qemu import guardian
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.record import Record
from herdbook.drivers.qemu.sightings import ending, living_process, settled_exit_status
from herdbook.fleet.instances import Origin, State

CLOCK = SystemClock()


@pytest.fixture
def record() -> Record:
    return Record(
        name="web",
        origin=Origin("web", 1, of_bytes(b"web")),
        ports=(),
        health_path="",
        accelerator="tcg",
        started_at=datetime(2026, 11, 21, tzinfo=UTC),
        boot_id=boot_id(),
        monitor=Path("/nonexistent"),
    )


def launch(arguments: list[str], directory: Path) -> None:
    with claim(directory / "claim") as claimed:
        guardian.launch(arguments, directory, claimed)


def test_a_machine_is_not_told_how_an_earlier_one_of_its_name_ended(tmp_path: Path) -> None:
    """The earlier one's guardian may note that when the later one has its directory already."""
    directory, removed = tmp_path / "web", tmp_path / ".removed-web"
    directory.mkdir()
    launch(["sh", "-c", "sleep 0.3; exit 7"], directory)
    until(lambda: guardian.identity(directory) is not None)
    directory.rename(removed)
    directory.mkdir()
    launch(["sleep", "2"], directory)
    assert settled_exit_status(removed, CLOCK) == 7
    assert guardian.exit_status(directory) is None


def test_a_machine_is_claimed_until_its_process_is_known(tmp_path: Path) -> None:
    """Where whoever started it was killed meanwhile, the next one waits, and finds it."""
    path = tmp_path / "claim"
    os.mkfifo(tmp_path / "process")  # writing to it takes until somebody reads it
    with claim(path) as claimed:
        guardian.launch(["sleep", "1"], tmp_path, claimed)
        left = tmp_path / "as a killed program leaves it"
        left.hardlink_to(path)
    assert is_claimed(left)
    assert guardian.identity(tmp_path) is not None
    until(lambda: not is_claimed(left))


def until(found: Callable[[], bool]) -> None:
    deadline = CLOCK.monotonic_seconds() + 10
    while not found():
        assert CLOCK.monotonic_seconds() < deadline
        CLOCK.sleep(0.01)


def test_guardian_notes_who_runs_and_how_it_ended(record: Record, tmp_path: Path) -> None:
    launch(["sh", "-c", "echo said; sleep 0.2; exit 7"], tmp_path)
    assert settled_exit_status(tmp_path, CLOCK) == 7
    assert living_process(record, tmp_path) is None
    state, reason = ending(record, tmp_path, CLOCK)
    assert (state, reason) == (State.FAILED, "QEMU ended with status 7: said")


def test_machine_whose_start_was_cut_off_is_failed(record: Record, tmp_path: Path) -> None:
    assert living_process(record, tmp_path) is None
    assert ending(record, tmp_path, CLOCK) == (State.FAILED, "Starting it was cut off")


def test_machine_from_before_a_restart_is_failed(record: Record, tmp_path: Path) -> None:
    launch(["sleep", "0.5"], tmp_path)
    earlier = replace(record, boot_id="another boot")
    assert living_process(earlier, tmp_path) is None
    assert ending(earlier, tmp_path, CLOCK) == (State.FAILED, "This computer was restarted")


def test_machine_that_vanished_with_its_guardian_is_failed(record: Record, tmp_path: Path) -> None:
    fields = " ".join("0" for _ in range(50))
    (tmp_path / "process").write_text(f"1 (qemu) S {fields}\n", encoding="ascii")
    assert living_process(record, tmp_path) is None
    assert ending(record, tmp_path, CLOCK)[0] is State.FAILED


def test_records_are_listed_by_name_without_what_was_removed(
    record: Record, tmp_path: Path
) -> None:
    directories = Directories(tmp_path)
    assert list(directories.records()) == []
    for name in ("b", "a"):
        directories.make(name)
        directories.write(replace(record, name=name))
    (tmp_path / "instances" / ".removed-c").mkdir()
    assert [one.name for one in directories.records()] == ["a", "b"]
    directories.remove("a")
    directories.remove("a")
    assert [one.name for one in directories.records()] == ["b"]


def test_control_socket_has_a_short_path_of_its_own(tmp_path: Path) -> None:
    long_directory = tmp_path.joinpath(*["long" * 20] * 3)
    sockets = {Directories(long_directory).monitor_of(name) for name in ("a", "b")}
    sockets.add(Directories(tmp_path).monitor_of("a"))
    assert len(sockets) == 3
    assert max(len(str(socket)) for socket in sockets) < 108
