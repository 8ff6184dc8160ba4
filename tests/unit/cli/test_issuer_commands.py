"""The commands of issuers and logins print for people or for scripts, and fail in words."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import commands
import pytest
from scripted_provider import Scripted, scripted_provider
from stores import open_store

from herdbook.actions.workshop import Workshop
from herdbook.cli.completion import complete_issuer
from herdbook.people.issuers import Person
from herdbook.server.settings import load_settings

Run = Callable[..., tuple[object, str, str]]

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
ME = load_settings().actor
INVALID, NOT_FOUND, NETWORK, CONFLICT, FORBIDDEN = 3, 4, 7, 10, 17


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """An empty one; the command line opens it, too."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "own"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.delenv("HERDBOOK_TOKEN", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return replace(open_store(tmp_path / "state").workshop, actor=ME)


@pytest.fixture
def provider() -> Iterator[Scripted]:
    with scripted_provider() as found:
        found.be_one()
        yield found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: commands.run(capsys, *arguments)


@pytest.fixture
def json_of(run: Run) -> Callable[..., Any]:
    def act(*arguments: str) -> Any:
        status, output, _ = run(*arguments, "--json")
        assert status == 0
        return json.loads(output)

    return act


def documented(command: str) -> set[str]:
    """Return the keys that the document of a command is said to have."""
    [row] = re.findall(rf"^\| `{command}`[^|]*\| (.*) \|$", DOCUMENTED, re.MULTILINE)
    return set(re.findall(r'"([a-z_]+)"', row))


def test_nothing_need_be_set_up(run: Run) -> None:
    assert "None is believed" in run("issuer", "ls")[2]
    assert run("login")[0] == NOT_FOUND
    assert run("logout")[:2] == (0, "you were not logged in\n")
    assert run("whoami")[1].startswith(f"{ME}, by user of this machine")


def test_an_issuer_is_added_shown_and_removed(
    run: Run, json_of: Callable[..., Any], provider: Scripted, workshop: Workshop
) -> None:
    words = ("--client-id", "herdbook", "--audience", "robots", "--groups-claim", "groups")
    status, output, told = run(
        "issuer", "add", "corp", provider.url, *words, "--require", "hd=a.example"
    )
    assert (status, output) == (0, f"corp is believed: {provider.url}\n")
    assert "herdbook login corp" in told
    assert "issuer map corp" in told
    assert run("issuer", "add", "corp", provider.url, *words)[0] == CONFLICT
    assert complete_issuer("c") == ["corp"]
    assert complete_issuer("x") == []
    assert run("issuer", "map", "corp", "robot:ci", "--when", "sub=a b")[0] == 0
    assert run("issuer", "map", "corp", "robot:ci", "--when", "sub=a b")[0] == CONFLICT
    at = workshop.clock.now()
    workshop.people.see_person(Person("corp", "anna", "248", ("corp:ops",), at, at), None, at)
    shown = run("issuer", "show", "corp")[1]
    for each in ("only hd=a.example", "robot:ci where sub=a b", "corp:anna", "248", "corp:ops"):
        assert each in shown
    assert provider.url in run("issuer", "ls")[1]
    assert json_of("user", "disable", "corp:anna")["disabled"] is True
    assert "disabled" in run("issuer", "show", "corp")[1]
    assert run("issuer", "forget", "corp:anna")[0] == CONFLICT
    assert run("user", "enable", "corp:anna")[0] == 0
    assert run("issuer", "forget", "corp:anna")[0] == 0
    assert run("issuer", "forget", "corp:anna")[0] == NOT_FOUND
    assert run("issuer", "unmap", "corp", "robot:ci", "--when", "sub=other")[0] == NOT_FOUND
    assert run("issuer", "unmap", "corp", "robot:ci")[:2] == (
        0,
        "sub=a b is not robot:ci any more\n",
    )
    assert run("issuer", "rm", "corp")[0] == 0
    assert run("issuer", "show", "corp")[0] == NOT_FOUND


def test_the_shapes_are_as_documented(
    run: Run, json_of: Callable[..., Any], provider: Scripted, workshop: Workshop
) -> None:
    made = json_of("issuer", "add", "corp", provider.url, "--client-id", "herdbook")
    mapped = json_of("issuer", "map", "corp", "robot:ci", "--when", "sub=x")
    assert set(mapped) == documented("issuer map")
    assert set(made) | {"subject", "when"} == documented("issuer add")
    assert [set(each) for each in json_of("issuer", "ls")] == [set(made)]
    at = workshop.clock.now()
    workshop.people.see_person(Person("corp", "anna", "248", (), at, at), None, at)
    shown = json_of("issuer", "show", "corp")
    assert set(shown) == {*made, "people"}
    assert {*shown["people"][0], "people"} == documented("issuer show")
    assert json_of("issuer", "unmap", "corp", "robot:ci") == [mapped]
    assert set(json_of("issuer", "forget", "corp:anna")) == set(shown["people"][0])
    assert set(json_of("issuer", "rm", "corp")) == documented("issuer rm")
    assert set(json_of("logout")) == documented("logout")
    assert run("issuer", "ls", "--json")[1] == "[]\n"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("add", "corp", "http://id.example", "--client-id", "x"), INVALID),
        (("add", "robot", "https://id.example", "--client-id", "x"), INVALID),
        (("add", "corp", "https://id.example"), INVALID),
        (("add", "corp", "https://id.example", "--client-id", "x", "--require", "x"), INVALID),
        (("add", "corp", "http://127.0.0.1:9", "--client-id", "x"), NETWORK),
        (("map", "corp", "robot:ci", "--when", "aud=x"), INVALID),
        (("map", "corp", "group:ci", "--when", "sub=x"), INVALID),
        (("map", "corp", "user:corp:anna", "--when", "sub=x"), INVALID),
        (("map", "corp", "robot:ci", "--when", "sub=x"), NOT_FOUND),
        (("rm", "corp"), NOT_FOUND),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_next_step(
    run: Run, words: tuple[str, ...], status: int
) -> None:
    found, _, told = run("issuer", *words)
    assert found == status
    assert "next:" in told
    assert run("issuer", "ls", "--json")[1] == "[]\n"


def test_somebody_logs_in_is_who_they_are_and_logs_out(
    run: Run,
    json_of: Callable[..., Any],
    provider: Scripted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    words = ("--client-id", "herdbook", "--name-claim", "name")
    assert run("issuer", "add", "corp", provider.url, *words)[0] == 0
    where = {"verification_uri": "https://id.example/device", "user_code": "WDJB-MJHT"}
    provider.say("/device", {**where, "device_code": "d", "expires_in": 60, "interval": 0})
    given = {"id_token": provider.id_token(sub="248", name="anna"), "refresh_token": "r"}
    provider.say("/token", given)
    status, output, told = run("login")
    assert (status, output) == (0, "You are corp:anna now, at this register and on this machine\n")
    assert "Open https://id.example/device and type WDJB-MJHT" in told
    who = json_of("whoami")
    assert (who["actor"], who["means"], who["issuer"]) == ("corp:anna", "session", "corp")
    assert "corp:anna, by session of corp, until 20" in run("whoami")[1]
    refused = run("role", "grant", "user:corp:anna", "admin")
    assert refused[0] == FORBIDDEN, "people of issuers need a role from the first"
    [file] = (tmp_path / "own" / "herdbook" / "sessions").iterdir()
    assert not file.is_relative_to(tmp_path / "state")
    monkeypatch.setenv("HERDBOOK_TOKEN", "hbt_wrong")
    assert run("whoami")[0] == FORBIDDEN, "a token counts first, also a wrong one"
    assert complete_issuer("c") == ["corp"], "what is completed is nobody's"
    assert json_of("login")["actor"] == "corp:anna"
    assert run("logout")[:2] == (0, "logged out\n")
    assert run("login")[0] == 0
    monkeypatch.setenv("HERDBOOK_TOKEN", "")
    assert run("whoami")[0] == FORBIDDEN, "an empty one is no reason to be somebody else"
    monkeypatch.setenv("HERDBOOK_TOKEN", provider.id_token(sub="249", name="bob"))
    assert json_of("whoami")["actor"] == "corp:bob"
    monkeypatch.delenv("HERDBOOK_TOKEN")
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "other"))
    assert json_of("whoami")["actor"] == ME, "another register, another login"
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    made = json_of("login", "corp")
    assert set(made) == documented("login")
    assert run("logout")[:2] == (0, "logged out\n")
    assert json_of("whoami")["actor"] == ME
