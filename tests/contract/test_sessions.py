"""The promises of the port Sessions: what was kept is there, and nobody else can reach it."""

import os
import pwd
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herdbook.core.errors import VerificationError
from herdbook.drivers.fake.sessions import FakeSessions
from herdbook.people.logins import Session
from herdbook.people.ports import Sessions
from herdbook.store.sessions import FileSessions

EXPIRES = datetime(2026, 11, 1, 12, 0, 0, 5, tzinfo=UTC)
SESSION = Session("corp", "248", EXPIRES, "eyJ.eyJ.x", "Ö-refresh")


@pytest.fixture(params=["fake", "file"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> Sessions:
    return FakeSessions() if request.param == "fake" else FileSessions(file_in(tmp_path))


@pytest.fixture
def kept(tmp_path: Path) -> Sessions:
    """A session that is kept in a file."""
    found = FileSessions(file_in(tmp_path))
    found.keep(SESSION)
    return found


def file_in(folder: Path) -> Path:
    return folder / "own" / "sessions" / "one.json"


def test_what_was_kept_last_is_there_until_it_is_ended(sessions: Sessions) -> None:
    assert sessions.load() is None
    assert not sessions.end()
    sessions.keep(SESSION)
    later = replace(SESSION, refresh="", id_token="eyJ.eyJ.y")  # noqa: S106 - of nobody
    sessions.keep(later)
    with sessions.alone():
        assert sessions.load() == later
    assert sessions.end()
    assert sessions.load() is None


def test_its_secrets_are_shown_nowhere() -> None:
    assert SESSION.id_token not in repr(SESSION)
    assert SESSION.refresh not in repr(SESSION)


def test_nobody_else_can_read_it(kept: Sessions, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    assert kept.load() == SESSION
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604, 0o601])
def test_one_that_others_can_reach_is_none(kept: Sessions, tmp_path: Path, mode: int) -> None:
    file_in(tmp_path).chmod(mode)
    with pytest.raises(VerificationError, match="others can reach it") as caught:
        kept.load()
    assert "herdbook logout" in caught.value.hint
    kept.keep(SESSION)
    assert kept.load() == SESSION


@pytest.mark.root
def test_one_of_somebody_else_is_none(kept: Sessions, tmp_path: Path) -> None:
    os.chown(file_in(tmp_path), 12345, 12345)
    with pytest.raises(VerificationError):
        kept.load()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"issuer": "corp"}',
        b"\xff",
        b"[" * 100_000,
        (
            b'{"issuer": "corp", "called": "", "expires_at": "2026-11-01T12:00:00", "id_token": "",'
            b'"refresh": ""}'
        ),  # where on earth?
    ],
)
def test_what_is_none_is_an_error_and_can_be_ended(
    kept: Sessions, tmp_path: Path, content: bytes
) -> None:
    file_in(tmp_path).write_bytes(content)
    with pytest.raises(VerificationError, match="cannot be used"):
        kept.load()
    assert kept.end()
    assert kept.load() is None


def test_a_link_in_its_place_is_not_followed(kept: Sessions, tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VerificationError):
        kept.load()
    assert kept.end()
    assert (tmp_path / "elsewhere").exists()


def test_one_command_at_a_time_renews_it(kept: Sessions, tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.set()
        with FileSessions(file_in(tmp_path)).alone():
            order.append("second")

    with kept.alone():
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
        thread.join(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_where_none_can_be_kept_it_is_said_where_and_whose_that_is(tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"no folder")
    sessions = FileSessions(file_in(tmp_path))
    owner = pwd.getpwuid(os.geteuid()).pw_name

    def wait() -> None:
        with sessions.alone():
            pass

    for act in (wait, sessions.end, lambda: sessions.keep(SESSION), sessions.load):
        with pytest.raises(VerificationError) as caught:
            act()
        assert f"{tmp_path / 'own'} is {owner}'s" in caught.value.message
        assert "XDG_STATE_HOME" in caught.value.hint


@pytest.fixture
def somebody_else(kept: Sessions) -> Iterator[None]:
    """Go on as another user of this machine, who may not look into the folder of `kept`."""
    assert kept.load()
    before = os.geteuid()
    os.seteuid(12345)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.root
@pytest.mark.usefixtures("somebody_else")
def test_a_folder_of_somebody_else_s_holds_no_session_of_ours(tmp_path: Path) -> None:
    """HOME may be theirs, as sudo leaves it."""
    elsewhere = FileSessions(file_in(tmp_path), home=tmp_path / "another")
    assert elsewhere.load() is None
    with pytest.raises(VerificationError, match="cannot be used"):
        elsewhere.keep(SESSION)


@pytest.mark.root
@pytest.mark.usefixtures("somebody_else")
def test_where_we_may_not_look_at_home_nobody_acts_as_the_machine_s_user(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="Permission denied"):
        FileSessions(file_in(tmp_path), home=tmp_path).load()
