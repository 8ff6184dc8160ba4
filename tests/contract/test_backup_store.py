"""The promises of the BackupStore port, proven on every driver."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from s3_servers import S3Server, credentials

from herdbook.core.errors import (
    ConflictError,
    InvalidInputError,
    NoSpaceError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.backup_folder import open_folder
from herdbook.drivers.backup_places import BackupPlaces
from herdbook.drivers.fake.backups import FakeBackups
from herdbook.fleet.backups import LARGEST_BYTES, BackupStore
from herdbook.fleet.volumes import PIECE_BYTES

_WRITE = """
import sys
from herdbook.drivers.backup_folder import open_folder
store = open_folder(sys.argv[1])
print("ready", flush=True)
with store.alone():
    while True:
        for letter in b"ab":
            store.keep("key/pieces/one", bytes([letter]) * 3_000_000)
"""


@pytest.fixture(params=["fake", "folder", "seaweedfs", "rclone"])
def opened(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], BackupStore]:
    """What opens the same place again, as another program does."""
    places = BackupPlaces(tmp_path / "writers")
    if request.param == "fake":
        store = FakeBackups()
        return lambda: store
    if request.param == "folder":
        return lambda: places.open(str(tmp_path))
    for name, value in credentials().items():
        monkeypatch.setenv(name, value)
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    address = server.address()
    return lambda: places.open(address)


def test_what_is_kept_is_found_again(opened: Callable[[], BackupStore]) -> None:
    opened().keep("key/pieces/ab/abcd", b"sealed")
    assert opened().read("key/pieces/ab/abcd") == b"sealed"
    assert opened().where


def test_a_name_holds_what_was_kept_last(opened: Callable[[], BackupStore]) -> None:
    opened().keep("key/one", b"before")
    opened().keep("key/one", b"")
    assert opened().read("key/one") == b""


def test_names_are_listed_below_a_folder_and_not_beside(
    opened: Callable[[], BackupStore],
) -> None:
    assert opened().names("") == set()
    for name in ("key/pieces/ab/one", "key/pieces-2", "key/backups/two"):
        opened().keep(name, b"")
    assert opened().names("key/pieces") == {"key/pieces/ab/one"}
    assert opened().names("") == {"key/pieces/ab/one", "key/pieces-2", "key/backups/two"}
    assert opened().names("another") == set()


def test_what_is_forgotten_is_gone(opened: Callable[[], BackupStore]) -> None:
    opened().keep("key/one", b"sealed")
    for _ in range(2):
        opened().forget("key/one")
    assert opened().names("") == set()
    with pytest.raises(NotFoundError):
        opened().read("key/one")


def test_who_is_alone_keeps_others_waiting(opened: Callable[[], BackupStore]) -> None:
    order: list[str] = []
    waits = Event()

    def second() -> None:
        waits.set()
        with opened().alone():
            order.append("second")

    with opened().alone():
        thread = Thread(target=second)
        thread.start()
        waits.wait()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_who_waits_for_others_can_be_ended(opened: Callable[[], BackupStore]) -> None:
    asked: list[str] = []

    def ended() -> None:
        asked.append("again")
        if len(asked) > 1:
            raise ConflictError("The server ends")

    with opened().alone("key"):
        waiting = opened().alone("key", ended)
        with pytest.raises(ConflictError, match="The server ends"):
            waiting.__enter__()
    with opened().alone("key"):
        assert len(asked) == 2


def test_it_says_that_there_is_no_room() -> None:
    with pytest.raises(NoSpaceError):
        FakeBackups(room_bytes=3).keep("key/one", b"sealed")


def test_no_name_leads_elsewhere(opened: Callable[[], BackupStore]) -> None:
    store = opened()
    for name in ("", "..", "a/../b", "/a", "a//b", ".a", "A", "a\n"):
        for act in (store.read, store.forget, lambda each: store.keep(each, b"")):
            with pytest.raises(InvalidInputError):
                act(name)


def test_whole_pieces_come_back_and_many_names_are_all_listed(
    opened: Callable[[], BackupStore],
) -> None:
    """More than fit on a page of an S3 listing, which is 1,000."""
    store = opened()
    large = os.urandom(PIECE_BYTES + 4096)
    store.keep("key/large", large)
    assert opened().read("key/large") == large
    names = {f"key/pieces/{number % 7}/{number}" for number in range(1003)}
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: store.keep(name, b""), names))
    assert opened().names("key/pieces") == names
    assert opened().names("") == names | {"key/large"}


def test_a_killed_writer_leaves_whole_things_and_nothing_else(tmp_path: Path) -> None:
    for round_number in range(5):
        command = [sys.executable, "-c", _WRITE, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            time.sleep(0.02 + 0.013 * round_number)
            program.send_signal(signal.SIGKILL)
        store = open_folder(str(tmp_path))
        with store.alone():
            for name in store.names(""):
                assert store.read(name) in (b"a" * 3_000_000, b"b" * 3_000_000)
        files = {each.name for each in tmp_path.rglob("*") if each.is_file()}
        assert files <= {"one", ".writers"}


def test_a_folder_tells_others_nothing_but_that_it_is_there(tmp_path: Path) -> None:
    open_folder(str(tmp_path)).keep("key/one", b"sealed")
    for each in tmp_path.rglob("*"):
        assert each.stat().st_mode & 0o077 == 0


def test_hidden_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """The directory a person names may hold anything."""
    (tmp_path / ".profile").write_text("mine")
    with open_folder(str(tmp_path)).alone():
        pass
    assert (tmp_path / ".profile").read_text() == "mine"


def test_writers_wait_for_a_file_which_also_keeps_out_those_of_other_machines(
    tmp_path: Path,
) -> None:
    """On NFS and SMB a lock on a directory is one of this machine alone."""
    store = open_folder(str(tmp_path))
    with store.alone():
        pass

    def ended() -> None:
        raise ConflictError("somebody has it")

    with (Path(store.where) / ".writers").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="somebody has it"), store.alone("", ended):
            pass


def test_what_killed_writers_of_others_left_is_theirs_to_remove(tmp_path: Path) -> None:
    """Where locks do not hold, it may be what a writer of another machine is writing."""
    store = open_folder(str(tmp_path))
    for name in ("key/pieces/one", "other/pieces/one"):
        store.keep(name, b"sealed")
        (Path(store.where) / name).with_name(".one.abcd").write_bytes(b"half")
    with store.alone("key"):
        pass
    left = [str(each.relative_to(store.where)) for each in Path(store.where).rglob(".one.*")]
    assert left == ["other/pieces/.one.abcd"]


def test_what_others_lay_in_the_folder_is_not_seen(tmp_path: Path) -> None:
    store = open_folder(str(tmp_path))
    store.keep("key/backups/one", b"sealed")
    strange = Path(store.where) / "key" / "backups" / "@eaDir"
    strange.mkdir()
    (strange / "one@SynoEAStream").touch()
    (strange / "one").touch()
    (Path(store.where) / "Thumbs.db").touch()
    assert store.names("") == {"key/backups/one"}
    assert store.names("key/backups") == {"key/backups/one"}


def test_a_file_that_is_larger_than_anything_of_ours_is_not_read(tmp_path: Path) -> None:
    store = open_folder(str(tmp_path))
    store.keep("key/one", b"")
    with (Path(store.where) / "key" / "one").open("r+b") as file:
        file.truncate(LARGEST_BYTES)
        assert len(store.read("key/one")) == LARGEST_BYTES
        file.truncate(LARGEST_BYTES + 1)
        with pytest.raises(VerificationError, match="larger"):
            store.read("key/one")


def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    store = open_folder(str(tmp_path))
    store.keep("key/pieces/one", b"sealed")
    (Path(store.where) / "key" / "backups").symlink_to("backups")  # it leads to itself
    with pytest.raises(InvalidInputError, match="cannot be used"):
        store.names("key/backups")


def test_a_place_that_is_gone_while_it_is_written_to_is_told_with_the_next_step(
    tmp_path: Path,
) -> None:
    store = open_folder(str(tmp_path))
    (tmp_path / "herdbook-backups").symlink_to("nowhere/at/all")
    with pytest.raises(InvalidInputError, match="cannot be used"):
        store.keep("key/one", b"sealed")


def test_an_absent_directory_is_not_made() -> None:
    """It may be one whose disk is not mounted: the backup would land on the wrong one."""
    with pytest.raises(NotFoundError, match="no directory") as caught:
        open_folder("/nowhere/at/all")
    assert "inside the mounted file system: mkdir -p" in caught.value.hint


@pytest.mark.parametrize("address", ["sftp://you:secret@host", "s3://B", "relative", ""])
def test_an_address_nobody_knows_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        BackupPlaces(tmp_path).open(address)
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("endpoint", ["s3.example.org:9000", "https://you:secret@host"])
def test_an_endpoint_of_the_environment_is_checked_as_one_of_an_address(
    endpoint: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="AWS_ENDPOINT_URL") as caught:
        BackupPlaces(tmp_path, endpoint=endpoint).open("s3://bucket/prefix")
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.root
def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        store = open_folder(str(tmp_path))
        store.keep("key/one", b"sealed")
        with pytest.raises(NoSpaceError):
            store.keep("key/two", os.urandom(2 << 20))
        assert store.names("") == {"key/one"}
    finally:
        subprocess.run(["umount", tmp_path], check=True)
