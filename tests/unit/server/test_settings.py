"""What is read of the environment, and what of it is handed on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from herdbook.server.settings import load_settings, whole_environment

SessionFile = Callable[[str], Path | None]


@pytest.fixture
def session_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SessionFile:
    """What tells where the login to a register is kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def found(database: str) -> Path | None:
        monkeypatch.setenv("HERDBOOK_DATABASE", database)
        return load_settings().session_file

    return found


@pytest.mark.parametrize(
    "same",
    [
        "postgresql+psycopg://hb:another@db.example/hb",
        "postgresql+psycopg://hb@db.example/hb",
        "postgresql://hb:p%40ss@db.example/hb",
        "postgresql+psycopg://hb@db.example/hb?password=another",
    ],
)
def test_a_login_outlives_another_password_of_the_database(
    session_file: SessionFile, same: str
) -> None:
    first = session_file("postgresql+psycopg://hb:secret@db.example/hb")
    assert session_file(same) == first


@pytest.mark.parametrize(
    "other",
    [
        "postgresql+psycopg://hb:secret@db.example/other",
        "postgresql+psycopg://hb:secret@another.example/hb",
        "postgresql+psycopg://hb:secret@db.example/hb?host=/run/other",
        "sqlite:////hb",
        "postgresql://[hb",
    ],
)
def test_another_register_is_another_login(session_file: SessionFile, other: str) -> None:
    assert session_file(other) != session_file("postgresql+psycopg://hb:secret@db.example/hb")


def test_compose_files_see_the_environment_without_our_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = (
        "HERDBOOK_TOKEN", "HERDBOOK_KEY_PASSWORD", "HERDBOOK_SIGNER_PASSWORD", "HERDBOOK_DATABASE",
        "HERDBOOK_SMTP",
    )  # fmt: skip
    for name in (*secrets, "HERDBOOK_STATE", "DATABASE_PASSWORD"):
        monkeypatch.setenv(name, "x")
    found = whole_environment()
    assert not {*secrets} & {*found}
    assert found["HERDBOOK_STATE"] == found["DATABASE_PASSWORD"] == "x"


def test_a_token_that_is_empty_is_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERDBOOK_TOKEN", "")
    assert load_settings().token == ""
    monkeypatch.delenv("HERDBOOK_TOKEN")
    assert load_settings().token is None
