"""The commands of the audit: what was done is listed, exported, and proven both ways."""

import json
from dataclasses import replace
from pathlib import Path

import commands
import pytest
from channel_images import add_versions, put_rules
from commands import Run, json_of
from stores import open_store

from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, revoke
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level

RECORD = {"number", "at", "who", "verb", "subject", "details", "digest"}
LONG = "a-team/with-quite-a-long-name/and-parts/of-it"


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One in whose audit are five records, of which some say much."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_versions(made, 2)
    add_versions(made, 1, LONG)
    promote(made, "shop/web:1", "production", "für ältere Kassen")
    promote(made, LONG, "production", "a reason that is quite long, as people write them")
    put_rules(made, "channels: [{channel: production, from: staging, follow_back: [dev]}]")
    promote(made, "shop/web:2", "staging")
    since = dict.fromkeys(Level, made.clock.now())
    revoke(made, plan_revocation(made, "shop/web:2", "it leaks", since))
    return made


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def act(*arguments: str) -> tuple[object, str, str]:
        return commands.run(capsys, "audit", *arguments)

    return act


@pytest.fixture
def exported(run: Run, tmp_path: Path) -> Path:
    status, output, errors = run("export")
    assert (status, errors) == (0, "")
    path = tmp_path / "audit.jsonl"
    path.write_text(output)
    return path


def test_what_was_done_is_listed_the_newest_last(run: Run) -> None:
    found = json_of(run, "ls")
    assert all(set(each) == RECORD for each in found)
    assert [(each["number"], each["who"], each["verb"]) for each in found] == [
        (1, "anna", "promote"),
        (2, "anna", "promote"),
        (3, "anna", "set-rules"),
        (4, "anna", "promote"),
        (5, "anna", "revoke"),
    ]
    assert [each["number"] for each in json_of(run, "ls", "--newest", "2")] == [4, 5]


def test_the_list_fits_the_terminal_and_tells_why(run: Run) -> None:
    output = run("ls")[1]
    assert max(map(len, output.splitlines())) <= 80
    together = " ".join(output.split())
    assert "shop/web@production" in together
    assert "ältere" in together
    assert "sha256" not in together


def test_nothing_done_is_an_empty_list_and_said(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "new"))
    assert json_of(run, "ls") == []
    assert "Nothing was done yet" in run("ls")[2]
    assert run("export")[1] == ""
    assert json_of(run, "verify")["records"] == 0


def test_an_export_is_a_json_document_a_line(exported: Path, run: Run) -> None:
    lines = exported.read_text().splitlines()
    assert [json.loads(line) for line in lines] == json_of(run, "ls")
    assert run("export", "--json")[1] == exported.read_text()


def test_what_was_exported_is_proven_as_the_register_is(run: Run, exported: Path) -> None:
    whole = json_of(run, "verify")
    assert set(whole) == {"records", "head"}
    assert whole["records"] == 5
    assert json_of(run, "verify", "--file", str(exported)) == whole
    assert json_of(run, "verify", "--file", str(exported), "--head", whole["head"]) == whole
    assert json_of(run, "verify", "--head", whole["head"]) == whole
    output, errors = run("verify")[1:]
    assert output.splitlines() == [
        "5 records are as they were written",
        f"head {whole['head']}",
    ]
    assert "--head" in errors


def test_a_noted_head_finds_a_cut(run: Run, exported: Path) -> None:
    head = json_of(run, "verify")["head"]
    exported.write_text("".join(exported.read_text().splitlines(keepends=True)[:3]))
    assert json_of(run, "verify", "--file", str(exported))["records"] == 3
    status, output, errors = run("verify", "--file", str(exported), "--head", head)
    assert (status, output) == (5, "")
    assert "cut off after record 3: 2 are missing" in errors


def test_a_head_that_was_noted_before_more_was_done_still_proves_it(
    run: Run, workshop: Workshop
) -> None:
    head = json_of(run, "verify")["head"]
    promote(workshop, "shop/web:1", "staging")
    assert json_of(run, "verify", "--head", head)["records"] == 6


def test_a_changed_record_is_named(run: Run, exported: Path) -> None:
    exported.write_text(exported.read_text().replace('"anna"', '"ben"', 1))
    status, _, errors = run("verify", "--file", str(exported))
    assert status == 5
    assert "Record 1 of the audit is not the one that was written" in errors


@pytest.mark.parametrize("head", ["17", "x:sha256:" + "0" * 64, "5:sha256:0", "5"])
def test_what_is_no_head_is_refused(run: Run, head: str) -> None:
    status, output, errors = run("verify", "--head", head)
    assert (status, output) == (3, "")
    assert "herdbook audit verify" in errors


def test_a_file_that_cannot_be_read_is_told(run: Run, tmp_path: Path) -> None:
    assert run("verify", "--file", str(tmp_path / "absent"))[0] == 4
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    status, _, errors = run("verify", "--file", str(binary))
    assert status == 3
    assert str(binary) in errors
    other = tmp_path / "other"
    other.write_text("something else\n")
    status, _, errors = run("verify", "--file", str(other))
    assert status == 5
    assert "Line 1 is no record of an audit" in errors
