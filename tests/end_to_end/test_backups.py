"""Promises about the data of applications: it is put aside, backed up, and comes back."""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from applications import tiny_application, wait_for
from pets import Pet
from product import Herdbook

pytestmark = [pytest.mark.podman, pytest.mark.root]

SECRET = "correct horse battery staple"  # noqa: S105 - looked for in the backups


class DirectoryPet(Pet):
    """One that is backed up to a directory."""

    @property
    def target(self) -> Path:
        return Path(self.to)


@pytest.fixture(scope="module")
def brought_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryPet]:
    """One that all tests of this file share: to bring one up takes its time."""
    folder = tmp_path_factory.mktemp("backups")
    target = folder / "target"
    target.mkdir()
    with tiny_application(folder, 1) as application:
        made = DirectoryPet(application, str(target), SECRET)
        made.up()
        yield made


@pytest.fixture
def pet(brought_up: DirectoryPet) -> DirectoryPet:
    """It with two files in its volume and no backups; it may be up or down."""
    shutil.rmtree(brought_up.target, ignore_errors=True)
    brought_up.target.mkdir()
    (brought_up.data / "small").write_text("first")
    (brought_up.data / "large").write_bytes(os.urandom(9 << 20))
    return brought_up


def test_a_backup_is_made_listed_and_restored_while_the_rest_is_refused(pet: DirectoryPet) -> None:
    pet.up()
    made = pet.herdbook.json("backup", pet.name)
    (first,) = made["backups"]
    assert first["volume"] == pet.volume
    assert first["new_bytes"] > 9 << 20
    assert Path(made["key"]).stat().st_mode & 0o777 == 0o600
    assert [each["backup"] for each in pet.backups()] == [first["backup"]]

    (pet.data / "small").write_text("second")
    refused = pet.herdbook.run("restore", pet.name, "data")
    assert refused.returncode == 10
    assert f"herdbook down {pet.name}" in refused.stderr
    assert (pet.data / "small").read_text() == "second"

    pet.down()
    restored = pet.herdbook.json("restore", pet.name, "data")
    assert restored["from"] == first["backup"]
    assert (pet.data / "small").read_text() == "first"
    assert (pet.data / "large").stat().st_size == 9 << 20
    # What was there before the restore is a snapshot, and comes back the same way.
    pet.herdbook.json("restore", pet.name, "data", restored["aside"])
    assert (pet.data / "small").read_text() == "second"


def test_a_second_backup_costs_what_changed_and_the_oldest_go(pet: DirectoryPet) -> None:
    names = []
    for number in range(3):
        (made,) = pet.herdbook.json("backup", pet.name)["backups"]
        names.append(made["backup"])
        if number:
            assert made["new_bytes"] < 5 << 20
        (pet.data / "small").write_text(f"round {number}")
    assert [each["backup"] for each in pet.backups()] == names[1:]
    stored = sum(each.stat().st_size for each in pet.target.rglob("*") if each.is_file())
    assert stored < 20 << 20


def test_nothing_in_the_target_tells_what_it_holds(pet: DirectoryPet) -> None:
    (pet.data / "small").write_text("a very private thing")
    pet.herdbook.json("backup", pet.name)
    for each in pet.target.rglob("*"):
        words = str(each).encode() + (each.read_bytes() if each.is_file() else b"")
        for private in (b"very private", b"large", SECRET.encode(), pet.volume.encode()):
            assert private not in words.replace(str(pet.target).encode(), b"")


def test_another_machine_restores_from_the_target_and_the_key_alone(
    pet: DirectoryPet, tmp_path: Path
) -> None:
    pet.herdbook.json("backup", pet.name)
    other = Herdbook(tmp_path / "other")
    refused = other.run("restore", pet.name, "data", "--from", pet.target)
    assert refused.returncode == 4
    assert "--key" in refused.stderr
    key = pet.herdbook.state / "backup.key"
    done = other.json("restore", pet.name, "data", "--from", pet.target, "--key", key)
    assert done["aside"] is None
    data = other.state / "volumes" / "directories" / "current" / pet.volume
    assert (data / "small").read_text() == "first"


def test_a_damaged_backup_is_never_restored_and_the_next_one_mends_it(pet: DirectoryPet) -> None:
    pet.herdbook.json("backup", pet.name)
    for piece in pet.target.rglob("pieces/*/*"):
        content = piece.read_bytes()
        piece.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    pet.down()
    (pet.data / "small").write_text("second")
    refused = pet.herdbook.run("restore", pet.name, "data")
    assert refused.returncode == 5
    assert (pet.data / "small").read_text() == "second"
    (mended,) = pet.herdbook.json("backup", pet.name)["backups"]
    (pet.data / "small").write_text("third")
    pet.herdbook.json("restore", pet.name, "data", mended["backup"])
    assert (pet.data / "small").read_text() == "second"


def test_a_backup_killed_at_any_moment_leaves_none_or_a_whole_one(pet: DirectoryPet) -> None:
    pet.down()
    for round_number in range(6):
        with pet.herdbook.running("backup", pet.name) as program:
            time.sleep(0.5 + 0.35 * round_number)
            with contextlib.suppress(ProcessLookupError):
                program.send_signal(signal.SIGKILL)
        (pet.data / "small").write_text("lost")
        for each in pet.backups()[-1:]:
            pet.herdbook.json("restore", pet.name, "data", each["backup"])
    (last,) = pet.herdbook.json("backup", pet.name)["backups"]
    pet.herdbook.json("restore", pet.name, "data", last["backup"])
    assert len(list(pet.target.rglob("backups/*"))) <= 2


def test_two_backups_at_once_are_both_whole(pet: DirectoryPet) -> None:
    with (
        pet.herdbook.running("backup", pet.name, "--json") as one,
        pet.herdbook.running("backup", pet.name, "--json") as two,
    ):
        outputs = [each.communicate(timeout=300) for each in (one, two)]
    assert [each.returncode for each in (one, two)] == [0, 0], outputs
    pet.down()
    assert len(pet.backups()) == 2
    for each in pet.backups():
        pet.herdbook.json("restore", pet.name, "data", each["backup"])
        assert (pet.data / "small").read_text() == "first"


def test_the_server_backs_up_on_time_and_says_so_also_where_it_fails(
    pet: DirectoryPet, tmp_path: Path
) -> None:
    pet.up(schedule="1s", keep=1)
    wait_for(lambda: bool(pet.backups()), 90, "a backup on time")

    def told(words: str) -> bool:
        shown = pet.application.shown()
        return any(words in each["words"] for each in shown["happened"])

    wait_for(lambda: told(f"{pet.volume} is backed up to"), 30, "that it is said")
    pet.target.rename(tmp_path / "gone")
    wait_for(lambda: told("failed: There is no directory"), 90, "that a failure is said")


def test_snapshots_are_taken_listed_and_forgotten(pet: DirectoryPet) -> None:
    (taken,) = pet.herdbook.json("snapshots", pet.name, "--take")
    assert taken["volume"] == pet.volume
    assert taken["verified_at"] is not None
    assert taken in pet.herdbook.json("snapshots", pet.name, "data")
    pet.down()
    (pet.data / "small").write_text("second")
    pet.herdbook.json("restore", pet.name, "data", taken["snapshot"])
    assert (pet.data / "small").read_text() == "first"
    pet.herdbook.json("snapshots", pet.name, "data", "--forget", taken["snapshot"])
    names = [each["snapshot"] for each in pet.herdbook.json("snapshots", pet.name)]
    assert taken["snapshot"] not in names


def test_mistakes_are_told_with_the_next_step(pet: DirectoryPet, tmp_path: Path) -> None:
    for arguments, status, hint in (
        (("backup", "nobody"), 4, "herdbook up"),
        (("backup", pet.name, "--volume", "date"), 4, pet.volume),
        (("backup", pet.name, "--to", tmp_path / "absent"), 4, "mkdir -p"),
        (("backup", pet.name, "--to", "sftp://host"), 3, "directory"),
        (("snapshots", pet.name, "--forget", "x"), 3, "--forget x"),
        (("restore", "nobody", "data"), 4, "--from"),
    ):
        result = pet.herdbook.run(*arguments, "--json")
        assert result.returncode == status, result.stderr
        assert hint in json.loads(result.stderr)["error"]["hint"]
