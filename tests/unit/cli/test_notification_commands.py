"""The commands of who is told say whom, of what, how far, and what the trouble is."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding
from commands import Run, json_of
from stores import open_store

from herdbook.actions.promote import promote
from herdbook.actions.workshop import Workshop
from herdbook.notifications.model import Course

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
HOOK = ("--webhook", "https://chat.example/hook")


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.delenv("HERDBOOK_SMTP", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_holding(made, OLD_SSL)
    return made


def test_a_secret_is_shown_once_with_how_to_try_it(run: Run) -> None:
    status, output, errors = run("notify", "add", "chat", *HOOK)
    assert status == 0
    assert re.search(r"^secret whsec_\S+$", output, re.MULTILINE)
    assert "herdbook notify test chat" in errors
    assert "whsec_" not in "".join(map(str, run("notify", "ls")))


def test_how_far_each_is_and_its_trouble_fit_80_columns(run: Run, workshop: Workshop) -> None:
    run("notify", "add", "chat", *HOOK, "--event", "promote", "--subject", "shop/*")
    run("notify", "add", "operations-team", "--mail", "operations@example.org")
    promote(workshop, "shop/web:1", "production")
    now = datetime(2026, 11, 1, tzinfo=UTC)
    chat, course = next(each for each in workshop.subscriptions.every() if each[0].name == "chat")
    number = course.number
    deaf = Course(number, 3, now, "chat.example does not answer", 2, now)
    assert workshop.subscriptions.keep(chat, course, deaf)
    status, output, _ = run("notify", "ls")
    assert status == 0
    assert max(map(len, output.splitlines())) <= 80
    assert "promote" in output
    [chat, mail] = json_of(run, "notify", "ls")
    assert (chat["waiting"], mail["waiting"]) == (2, 1)
    assert chat["trouble"] == "chat.example does not answer"


def test_the_shapes_are_the_documented_ones(run: Run) -> None:
    added = json_of(run, "notify", "add", "chat", *HOOK)
    shapes = {
        "notify add": set(added),
        "notify ls": set(json_of(run, "notify", "ls")[0]),
        "notify rm": set(json_of(run, "notify", "rm", "chat")),
    }
    for command, keys in shapes.items():
        [row] = [line for line in DOCUMENTED.splitlines() if line.startswith(f"| `{command}` |")]
        assert set(re.findall(r'"([a-z_]+)"', row)) == keys, command


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("add", "chat"), 3, "--webhook ADDRESS, or --mail ADDRESS"),
        (("add", "chat", *HOOK, "--mail", "a@b"), 3, "--webhook ADDRESS, or --mail ADDRESS"),
        (("add", "Chat!", *HOOK), 3, "Such as chat"),
        (("add", "chat", "--mail", "nobody"), 3, "NAME@DOMAIN"),
        (("rm", "chat"), 4, "herdbook notify ls"),
        (("test", "chat"), 4, "herdbook notify ls"),
    ],
)
def test_what_cannot_be_done_names_the_next_step(
    run: Run, arguments: tuple[str, ...], status: int, words: str
) -> None:
    found, _, errors = run("notify", *arguments)
    assert found == status
    assert words in errors


def test_mail_without_a_server_says_how_to_name_one(run: Run) -> None:
    run("notify", "add", "ops", "--mail", "ops@example.org")
    status, _, errors = run("notify", "test", "ops")
    assert status == 3
    assert "HERDBOOK_SMTP" in errors
