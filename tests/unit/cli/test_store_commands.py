"""The commands about the store print for people or for scripts, and fail in words."""

import json
from pathlib import Path

import commands
import pytest
from stores import open_store


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "state"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    return commands.run(capsys, "store", *arguments)


def test_cleaning_is_told_by_kind(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open_store(state).keep("a")
    status, output, _ = run(capsys, "clean", "--dry-run")
    assert status == 0
    assert "would be freed" in output
    status, output, _ = run(capsys, "clean", "--json")
    found = json.loads(output)
    assert (status, found["dry_run"], found["forgotten"]) == (0, False, [])
    assert [(each["kind"], each["count"]) for each in found["freed"]] == [
        ("layers", 1),
        ("trees", 1),
    ]
    assert found["freed_bytes"] == sum(each["size_bytes"] for each in found["freed"])
    assert run(capsys, "clean")[1].startswith("0 B")


def test_checking_ends_with_a_status_of_its_own(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(state)
    layer = store.keep("a")
    store.add("shop/web", "1", layer)
    assert run(capsys, "check")[0] == 0
    store.blob(layer.digest).unlink()
    status, output, _ = run(capsys, "check")
    assert status == 5
    assert "missing layer" in output
    assert "shop/web:1" in output
    assert "next: " in output
    status, output, _ = run(capsys, "check", "--json")
    (finding,) = json.loads(output)["findings"]
    assert (status, finding["fault"], finding["what"]) == (5, "missing layer", layer.digest)
    assert (finding["versions"], finding["repaired"]) == (["shop/web:1"], False)


def test_forgetting_wants_a_number(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(state)
    store.add("shop/web", "1", store.keep("a"))
    status, output, errors = run(capsys, "forget", "shop/web")
    assert (status, output) == (3, "")
    assert "shop/web:3" in errors
    status, output, _ = run(capsys, "forget", "shop/web:1", "--json")
    assert (status, json.loads(output)) == (0, {"forgotten": ["shop/web:1"]})
    assert run(capsys, "forget", "shop/web:1")[0] == 4
