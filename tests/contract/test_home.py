"""Nothing is written of applications where they are not at home, or cannot be."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

import commands
import pytest
from channel_images import verbs
from postgresql import new_database

from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError
from herdbook.core.progress import NoProgress
from herdbook.rollouts.ports import Application
from herdbook.server.program import open_workshop
from herdbook.server.serve import end_server, ensure_home, server_runs
from herdbook.server.settings import Settings

pytestmark = pytest.mark.timeout(120)
SHOP = Application("shop", "/srv/shop")
FOREIGN = f"docker.io/library/none@sha256:{'0' * 64}"


@pytest.fixture
def url(postgresql: str) -> str:
    return new_database(postgresql, f"home-{uuid4()}")


@pytest.fixture
def there(url: str, tmp_path: Path) -> Workshop:
    """A home whose server is on duty; one of its applications is wanted."""
    made = open_workshop(Settings(tmp_path / "there", url), NoProgress())
    made.duty.begin()
    made.duty.take(None, 0.0)
    made.fleet.keep(Application("shop", "/srv/shop", standing=1))
    return made


@pytest.fixture
def here(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Another home on the same database, whose server ends with the test."""
    found = Settings(tmp_path / "here", url)
    monkeypatch.setenv("HERDBOOK_STATE", str(found.state_directory))
    monkeypatch.setenv("HERDBOOK_DATABASE", url)
    yield found
    end_server(found)


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "compose.yaml"),
        ("down", "shop"),
        ("rollback", "shop"),
        *(("rollout", each, "shop") for each in ("pause", "resume", "abort")),
    ],
)
def test_what_is_refused_because_it_lives_elsewhere_has_written_nothing(
    there: Workshop,
    here: Settings,
    arguments: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = f"name: other\nservices: {{web: {{image: '{FOREIGN}'}}}}\n"
    (tmp_path / "compose.yaml").write_text(text)
    status, _, errors = commands.run(capsys, *arguments)
    assert status == ConflictError.exit_status
    assert str(tmp_path / "there") in errors
    assert "--move-here" in errors
    assert there.fleet.find("other") is None
    assert there.fleet.newest("shop") is None
    assert verbs(there) == []
    assert not server_runs(here)


def test_at_home_and_where_nothing_was_ever_at_home_no_server_is_started(
    here: Settings,
) -> None:
    workshop = open_workshop(here, NoProgress())
    ensure_home(here, workshop)
    workshop.duty.begin()
    workshop.duty.take(None, 0.0)
    workshop.fleet.keep(Application("shop", "/srv/shop", standing=1))
    ensure_home(here, workshop)
    assert not server_runs(here)


def test_where_nothing_is_left_elsewhere_a_server_is_on_duty_here_before_anything_is_written(
    there: Workshop, here: Settings
) -> None:
    there.fleet.keep(SHOP)
    there.duty.give_back()
    workshop = open_workshop(here, NoProgress())
    ensure_home(here, workshop)
    last = workshop.duty.present()
    assert last is not None
    assert (last.post.home, last.held) == (workshop.duty.mine.home, True)
    assert server_runs(here)


def test_nothing_begins_here_while_a_server_of_another_home_lives(
    there: Workshop, here: Settings
) -> None:
    there.fleet.keep(SHOP)
    ended = Event()

    def live() -> None:
        while not ended.wait(0.5):
            there.duty.beat()

    thread = Thread(target=live)
    thread.start()
    try:
        with pytest.raises(ConflictError, match="works on"):
            ensure_home(here, open_workshop(here, NoProgress()))
        assert not server_runs(here)
    finally:
        ended.set()
        thread.join()
