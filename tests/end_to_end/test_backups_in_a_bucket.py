"""Promises about backups in a bucket: what was kept there comes back, and secrets stay out."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from applications import tiny_application, wait_for
from pets import Pet
from product import Herdbook
from s3_servers import SECRET_KEY, S3Server, client, credentials, seaweedfs

from herdbook.compose.backup_places import bucket_place

pytestmark = [pytest.mark.podman, pytest.mark.root]

LARGE_BYTES = 40 << 20


@dataclass(kw_only=True)
class BucketPet(Pet):
    """One that is backed up to a bucket of a server of its own."""

    server: S3Server

    def objects(self) -> set[str]:
        """All objects of the bucket, at most a page of them."""
        bucket = bucket_place(self.to).bucket
        listed = client(self.server.endpoint).list_objects_v2(Bucket=bucket)
        return {each["Key"] for each in listed.get("Contents", ())}


@pytest.fixture(scope="module")
def pet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketPet]:
    folder = tmp_path_factory.mktemp("bucket")
    with seaweedfs(folder / "store") as server, tiny_application(folder, 1) as application:
        application.herdbook = replace(application.herdbook, settings=dict(credentials()))
        made = BucketPet(application, server.address(), server=server)
        made.up()
        yield made


@pytest.fixture(autouse=True)
def _filled(pet: BucketPet) -> None:
    (pet.data / "small").write_text("first")
    (pet.data / "large").write_bytes(os.urandom(LARGE_BYTES))


def test_what_was_backed_up_comes_back_after_the_volume_is_gone(
    pet: BucketPet, tmp_path: Path
) -> None:
    large = (pet.data / "large").read_bytes()
    (first,) = pet.herdbook.json("backup", pet.name)["backups"]
    assert first["where"] == pet.to
    assert [each["backup"] for each in pet.backups()] == [first["backup"]]
    pet.down()
    other = Herdbook(tmp_path / "other", settings=dict(credentials()))
    key = pet.herdbook.state / "backup.key"
    other.json("restore", pet.name, "data", "--from", pet.to, "--key", key)
    data = other.state / "volumes" / "directories" / "current" / f"{pet.name}_data"
    assert (data / "small").read_text() == "first"
    assert (data / "large").read_bytes() == large


def test_older_backups_go_and_with_them_what_nobody_needs(pet: BucketPet) -> None:
    made = []
    for number in range(3):
        (pet.data / "large").write_bytes(os.urandom(LARGE_BYTES // 10))
        (backup,) = pet.herdbook.json("backup", pet.name)["backups"]
        made.append(backup["backup"])
        (pet.data / "small").write_text(f"round {number}")
    assert [each["backup"] for each in pet.backups()] == made[1:]
    assert len(pet.objects()) < 2 * (LARGE_BYTES // 10 // (1 << 20) + 6)


def test_a_backup_killed_at_any_moment_leaves_none_or_a_whole_one(pet: BucketPet) -> None:
    pet.down()
    for round_number in range(3):
        with pet.herdbook.running("backup", pet.name) as program:
            time.sleep(1.2 + 0.5 * round_number)
            with contextlib.suppress(ProcessLookupError):
                program.send_signal(signal.SIGKILL)
        for each in pet.backups()[-1:]:
            pet.herdbook.json("restore", pet.name, "data", each["backup"])
    _assert_the_next_is_whole(pet)


def test_where_the_store_is_killed_in_the_midst_the_next_backup_is_whole(pet: BucketPet) -> None:
    pet.down()
    before = pet.backups()
    there = len(pet.objects())
    with pet.herdbook.running("backup", pet.name, "--json") as program:
        wait_for(lambda: len(pet.objects()) > there + 3, 60, "that some of it is there")
        pet.server.kill()
        _, said = program.communicate(timeout=300)
    assert program.returncode == 7, said
    assert "cannot be reached" in json.loads(said)["error"]["message"]
    pet.server.start()
    # It answers before it has found again what it keeps.
    wait_for(lambda: pet.herdbook.run("backups", pet.name).returncode == 0, 60, "what is kept")
    assert pet.backups() == before, "half of one is not seen"
    _assert_the_next_is_whole(pet)


def _assert_the_next_is_whole(pet: BucketPet) -> None:
    large = (pet.data / "large").read_bytes()
    (last,) = pet.herdbook.json("backup", pet.name)["backups"]
    (pet.data / "large").unlink()
    pet.herdbook.json("restore", pet.name, "data", last["backup"])
    assert (pet.data / "large").read_bytes() == large
    # Two backups, whose random bytes share nothing; what was half there is swept away.
    assert len(pet.objects()) <= 2 * (LARGE_BYTES // (1 << 20))
    assert not [each for each in pet.objects() if "herdbook-writers" in each]


def test_the_server_backs_up_on_time_and_the_secret_is_nowhere(pet: BucketPet) -> None:
    pet.up(schedule="1s")
    before = [each["backup"] for each in pet.backups()]
    wait_for(lambda: [each["backup"] for each in pet.backups()] != before, 90, "one on time")
    pet.server.kill()

    def told() -> bool:
        shown = pet.application.shown()
        return any("cannot be reached" in each["words"] for each in shown["happened"])

    wait_for(told, 200, "that a failure is said")
    pet.server.start()
    pet.down()
    for each in (pet.herdbook.state, pet.application.folder):
        for file in each.rglob("*"):
            if file.is_file() and file.stat().st_size < LARGE_BYTES:
                assert SECRET_KEY.encode() not in file.read_bytes(), file


def test_mistakes_are_told_with_the_next_step(pet: BucketPet) -> None:
    wrong = {"AWS_SECRET_ACCESS_KEY": "wrong"}
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    for settings, address, status, hint in (
        ({}, "s3://Bucket", 3, "s3://"),
        ({}, f"s3://no-such-bucket?endpoint={pet.server.endpoint}", 4, "make the bucket"),
        ({}, f"s3://{SECRET_KEY}@bucket", 3, "s3://"),
        (wrong, pet.to, 3, "revoked or expired"),
        (none, pet.to, 3, "AWS_SHARED_CREDENTIALS_FILE"),
    ):
        given = {**pet.herdbook.settings, **settings}
        herdbook = replace(pet.herdbook, settings=given)
        result = herdbook.run("backup", pet.name, "--to", address, "--json")
        assert result.returncode == status, result.stderr
        assert hint in json.loads(result.stderr)["error"]["hint"]
        assert SECRET_KEY not in result.stderr
