"""The commands of people print for people or for scripts, as documented, and fail in words."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from channel_images import add_versions
from commands import JsonOf, Run
from stores import open_store

from herdbook.actions.workshop import Workshop
from herdbook.cli.completion import (
    complete_group,
    complete_subject,
    complete_token,
    complete_user,
)
from herdbook.server.settings import load_settings

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody
ME = load_settings().actor
FORBIDDEN, INVALID, NOT_FOUND, CONFLICT = 17, 3, 4, 10


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One with shop/web:1; the command line opens it, too."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.delenv("HERDBOOK_TOKEN", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    made = replace(open_store(tmp_path / "state").workshop, actor=ME)
    add_versions(made, 1)
    return made


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give something on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def documented(command: str) -> set[str]:
    """Return the keys that the document of a command is said to have."""
    [row] = re.findall(rf"^\| `{command}`[^|]*\| (.*) \|$", DOCUMENTED, re.MULTILINE)
    return set(re.findall(r'"([a-z_]+)"', row))


def test_roles_begin_with_whoever_grants_the_first(run: Run, json_of: JsonOf) -> None:
    assert "may do everything" in run("role", "ls")[2]
    assert "you may do everything" in run("whoami")[1]
    status, output, told = run("role", "grant", "user:dora", "builder", "--images", "shop/*")
    assert status == 0
    assert output.splitlines()[0] == "user:dora is builder for shop/*"
    assert f"user:{ME} is admin for everything" in output
    assert "everybody needs a role" in told
    found = json_of("role", "ls")
    assert [(each["subject"], each["role"], each["images"]) for each in found] == [
        ("user:dora", "builder", "shop/*"),
        (f"user:{ME}", "admin", "*"),
    ]
    assert "shop/*" in run("role", "ls")[1]
    assert run("role", "grant", "robot:ci", "viewer")[1] == "robot:ci is viewer for *\n"
    assert run("role", "revoke", "robot:ci", "viewer")[0] == 0
    assert run("role", "revoke", "robot:ci", "viewer")[0] == NOT_FOUND
    assert run("role", "revoke", f"user:{ME}", "admin")[0] == CONFLICT
    assert run("role", "grant", "dora", "admin")[0] == INVALID


def test_the_shapes_of_roles_are_as_documented(json_of: JsonOf) -> None:
    made = json_of("role", "grant", "user:dora", "builder")
    assert set(made) == documented("role grant")
    assert set(made) - {"own"} == set(made["own"]) == set(json_of("role", "ls")[0])
    assert set(json_of("whoami")) == documented("whoami")


def test_users_are_added_listed_disabled_and_enabled(
    run: Run, json_of: JsonOf, say: Callable[[str], None], workshop: Workshop
) -> None:
    say(PASSWORD + "\n")
    made = json_of("user", "add", "dora", "--password-stdin")
    assert set(made) == documented("user add")
    assert PASSWORD not in json.dumps(made)
    say("another " + PASSWORD)
    assert run("user", "passwd", "dora", "--password-stdin")[1] == "dora has another password\n"
    assert run("user", "disable", "dora")[0] == 0
    assert [each["disabled"] for each in json_of("user", "ls")] == [True]
    assert "disabled" in run("user", "ls")[1]
    assert run("user", "enable", "dora")[0] == 0
    assert [each["disabled"] for each in json_of("user", "ls")] == [False]
    assert run("user", "disable", "dore")[0] == NOT_FOUND
    say("short")
    assert run("user", "passwd", "dora", "--password-stdin")[0] == INVALID
    say("")
    assert "--password-stdin" in run("user", "passwd", "dora")[2]
    written = json.dumps([each.model_dump(mode="json") for each in workshop.audit.records()])
    assert PASSWORD not in written
    assert "argon2" not in written


def test_groups_are_made_of_members(run: Run, json_of: JsonOf) -> None:
    assert "group add" in run("group", "ls")[2]
    made = json_of("group", "add", "ops", "user:dora", "robot:ci", "user:dora")
    assert made == {"group": "ops", "joined": ["user:dora", "robot:ci"]}
    assert run("group", "add", "ops", "user:dora")[1] == "all of them are in ops already\n"
    assert json_of("group", "ls") == [{"group": "ops", "members": ["robot:ci", "user:dora"]}]
    assert json_of("group", "remove", "ops", "user:dora") == {"group": "ops", "left": ["user:dora"]}
    assert run("group", "remove", "ops", "user:dora")[0] == NOT_FOUND
    assert run("group", "add", "ops", "group:art")[0] == INVALID


def test_a_token_is_shown_once_and_acts_as_whom_it_is_for(
    run: Run, json_of: JsonOf, monkeypatch: pytest.MonkeyPatch, workshop: Workshop
) -> None:
    run("role", "grant", "robot:ci", "builder", "--images", "shop/*")
    status, text, told = run("token", "create", "ci", "--for", "robot:ci", "--role", "builder")
    assert (status, "shown this once" in told) == (0, True)
    [listed] = json_of("token", "ls")
    assert set(listed) == documented("token ls")
    assert text.strip() not in json.dumps(listed)
    monkeypatch.setenv("HERDBOOK_TOKEN", text)
    who = json_of("whoami")
    assert (who["actor"], who["token"], who["token_role"]) == ("robot:ci", "ci", "builder")
    assert "robot:ci, by token ci, for * as builder" in run("whoami")[1]
    status, _, told = run("promote", "shop/web", "production")
    assert (status, "role builder alone" in told) == (FORBIDDEN, True)
    assert json_of("propose", "shop/web", "production", "--why", "new")["who"] == "robot:ci"
    assert run("approve", "1")[0] == FORBIDDEN
    monkeypatch.setenv("HERDBOOK_TOKEN", text.strip()[:-2])
    assert run("whoami")[0] == FORBIDDEN
    monkeypatch.delenv("HERDBOOK_TOKEN")
    assert "robot:ci" in run("token", "ls")[1]
    assert set(json_of("token", "revoke", "ci")) == documented("token revoke")
    assert run("token", "ls")[1] == ""
    assert "revoked" in run("token", "ls", "--all")[1]
    assert run("token", "revoke", "ci")[0] == NOT_FOUND
    made = json_of("token", "create", "one", "--for", "user:dora", "--days", "1")
    assert set(made) == documented("token ls") | {"token"}
    assert run("token", "create", "two", "--for", "group:ops")[0] == INVALID
    assert run("token", "create", "two", "--for", "user:dora", "--days", "0")[0] == INVALID
    assert text.strip() not in json.dumps(
        [each.model_dump(mode="json") for each in workshop.audit.records()]
    )


def test_names_are_completed(run: Run, say: Callable[[str], None]) -> None:
    say(PASSWORD)
    run("user", "add", "dora", "--password-stdin")
    run("group", "add", "ops", "user:dora")
    run("token", "create", "night", "--for", "robot:ci")
    assert complete_user("d") == ["dora"]
    assert complete_group("") == ["ops"]
    assert complete_token("n") == ["night"]
    assert complete_subject("") == ["group:ops", "robot:ci", "user:dora"]
    assert complete_subject("r") == ["robot:ci"]
