"""The commands of the server's registry say whether there is one, and what would help."""

import json
from pathlib import Path

import commands
import pytest

INVALID, ENGINE, FORBIDDEN = 3, 12, 17


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_LISTEN", raising=False)
    return tmp_path / "state"


def test_nothing_is_served_unless_somebody_asks_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    status, printed, _ = commands.run(capsys, "registry")
    assert (status, "herdbook serve --listen" in printed) == (0, True)
    status, printed, _ = commands.run(capsys, "registry", "--json")
    assert json.loads(printed) == {
        "served": False, "address": None, "tls": False, "trusted": None, "trouble": None,
        "login": False,
    }  # fmt: skip


def test_a_setting_without_a_server_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERDBOOK_LISTEN", "127.0.0.1:5000")
    assert "no server runs" in commands.run(capsys, "registry")[1]


def test_there_is_nothing_to_trust_where_nothing_is_served(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, said = commands.run(capsys, "registry", "trust")
    assert (status, "gives out no images" in said) == (ENGINE, True)
    monkeypatch.setenv("HERDBOOK_LISTEN", "0.0.0.0:5000")
    assert commands.run(capsys, "registry", "trust")[0] == INVALID


@pytest.mark.parametrize("place", ["5000", "0.0.0.0:5000"])
def test_serve_refuses_what_it_must_not_listen_at(
    capsys: pytest.CaptureFixture[str], place: str
) -> None:
    status, _, said = commands.run(capsys, "serve", "--listen", place)
    assert status == INVALID
    assert "next:" in said


@pytest.mark.parametrize("token", ["hbt_wrong", ""])
def test_serve_begins_whoever_s_token_is_set_and_moves_nothing_here_by_a_wrong_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """A server goes on for longer than any token; here it comes as far as its address."""
    monkeypatch.setenv("HERDBOOK_TOKEN", token)
    assert commands.run(capsys, "serve", "--listen", "5000")[0] == INVALID
    assert commands.run(capsys, "serve", "--move-here", "--listen", "5000")[0] == FORBIDDEN
