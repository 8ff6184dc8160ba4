"""The promises of the BackupStore port, proven on every driver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from herdbook.core.errors import InvalidInputError, NoSpaceError, NotFoundError
from herdbook.drivers.backup_folder import open_backups
from herdbook.drivers.fake.backups import FakeBackups
from herdbook.fleet.backups import BackupStore

_WRITE = """
import sys
from herdbook.drivers.backup_folder import open_backups
store = open_backups(sys.argv[1])
print("ready", flush=True)
with store.alone():
    while True:
        for letter in b"ab":
            store.keep("key/pieces/one", bytes([letter]) * 3_000_000)
"""


@pytest.fixture(params=["fake", "folder"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BackupStore]:
    """What opens the same place again, as another program does."""
    if request.param == "folder":
        return lambda: open_backups(str(tmp_path))
    store = FakeBackups()
    return lambda: store


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


def test_it_says_that_there_is_no_room() -> None:
    with pytest.raises(NoSpaceError):
        FakeBackups(room_bytes=3).keep("key/one", b"sealed")


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a//b", ".a", "A", "a\n"])
def test_a_folder_takes_no_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInputError):
        open_backups(str(tmp_path)).keep(name, b"")


def test_a_killed_writer_leaves_whole_things_and_nothing_else(tmp_path: Path) -> None:
    for round_number in range(5):
        command = [sys.executable, "-c", _WRITE, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            time.sleep(0.02 + 0.013 * round_number)
            program.send_signal(signal.SIGKILL)
        store = open_backups(str(tmp_path))
        with store.alone():
            for name in store.names(""):
                assert store.read(name) in (b"a" * 3_000_000, b"b" * 3_000_000)
        files = [each for each in tmp_path.rglob("*") if each.is_file()]
        assert len(files) <= 1


def test_a_folder_tells_others_nothing_but_that_it_is_there(tmp_path: Path) -> None:
    open_backups(str(tmp_path)).keep("key/one", b"sealed")
    for each in tmp_path.rglob("*"):
        assert each.stat().st_mode & 0o077 == 0


def test_hidden_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """The directory a person names may hold anything."""
    (tmp_path / ".profile").write_text("mine")
    with open_backups(str(tmp_path)).alone():
        pass
    assert (tmp_path / ".profile").read_text() == "mine"


def test_an_absent_directory_is_not_made() -> None:
    """It may be one whose disk is not mounted: the backup would land on the wrong one."""
    with pytest.raises(NotFoundError, match="no directory") as caught:
        open_backups("/nowhere/at/all")
    assert "mkdir -p" in caught.value.hint


@pytest.mark.parametrize("address", ["s3://bucket", "relative", ""])
def test_an_address_nobody_knows_is_refused(address: str) -> None:
    with pytest.raises(InvalidInputError):
        open_backups(address)


@pytest.mark.root
def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        store = open_backups(str(tmp_path))
        store.keep("key/one", b"sealed")
        with pytest.raises(NoSpaceError):
            store.keep("key/two", os.urandom(2 << 20))
        assert store.names("") == {"key/one"}
    finally:
        subprocess.run(["umount", tmp_path], check=True)
