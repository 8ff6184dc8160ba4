"""The commands of signatures: what is found is told part by part, and whose word counts."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding
from commands import Run, json_of
from stores import open_store

from herdbook.actions.promote import promote
from herdbook.actions.workshop import Workshop
from herdbook.signatures.keys import new_private_key

KEY = {"name", "identity", "standing", "images", "signs", "at", "who", "pem"}


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One with two versions, of which production means the second."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    for _ in range(2):
        add_holding(made, OLD_SSL)
    promote(made, "shop/web:2", "production")
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "berlin.pub"
    path.write_text(new_private_key().public.pem)
    return str(path)


def unsigned(workshop: Workshop) -> None:
    database = workshop.artefacts.parent / "herdbook.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM provenances")


def test_what_is_genuine_is_told_part_by_part(run: Run) -> None:
    status, output, _ = run("verify", "shop/web@production")
    assert status == 0
    assert output.splitlines()[-1] == "shop/web:2 is what its builder signed"
    assert "signature" in output
    assert "layer files" in output
    assert max(map(len, output.splitlines())) <= 80


def test_what_is_not_genuine_has_a_status_and_the_next_step(run: Run, workshop: Workshop) -> None:
    unsigned(workshop)
    status, output, errors = run("verify", "shop/web:1")
    assert status == 5
    assert "nobody has signed it" in output
    assert "herdbook sign shop/web:1 --why TEXT" in errors


def test_for_scripts_there_is_one_document_either_way(run: Run, workshop: Workshop) -> None:
    found = json_of(run, "verify", "shop/web:1")
    assert set(found) == {"image", "version", "digest", "genuine", "checks"}
    parts = [each["part"] for each in found["checks"]]
    assert len(parts) == len(set(parts))
    unsigned(workshop)
    status, output, errors = run("verify", "shop/web:1", "--json")
    assert (status, errors) == (5, "")
    assert json.loads(output)["genuine"] is False


def test_a_provenance_is_shown_to_people_and_as_it_was_signed(run: Run) -> None:
    _, output, _ = run("provenance", "shop/web:1")
    stated = json.loads(output)
    assert stated["predicateType"] == "https://slsa.dev/provenance/v1"
    assert set(json_of(run, "provenance", "shop/web:1")) == {
        "payload",
        "payloadType",
        "signatures",
    }


def test_one_version_or_all_are_signed_once(run: Run, workshop: Workshop) -> None:
    unsigned(workshop)
    assert "Signed: shop/web:1" in run("sign", "shop/web:1", "--why", "ours")[1]
    assert json_of(run, "sign", "--all", "--why", "ours") == {"signed": ["shop/web:2"]}
    assert "Nothing was to be done" in run("sign", "shop/web:1", "--why", "ours")[1]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["sign", "--why", "ours"], 3, "What is to be signed?"),
        (["sign", "shop/web", "--all", "--why", "ours"], 3, "and --all is given"),
        (["sign", "shop/web"], 3, "--why says nothing"),
        (["key", "retire", "bilder", "--why", "old"], 4, "'builder'"),
        (["key", "export", "bilder"], 4, "'builder'"),
        (["key", "trust", "/nowhere.pub", "--name", "berlin"], 4, "cannot be read"),
        (["key", "rotate", "--why", " "], 3, "--why says nothing"),
    ],
)
def test_what_cannot_be_meant_is_told(
    run: Run, workshop: Workshop, arguments: list[str], status: int, words: str
) -> None:
    before = len(list(workshop.audit.records()))
    found, _, errors = run(*arguments)
    assert found == status
    assert words in errors
    assert len(list(workshop.audit.records())) == before


def test_keys_are_listed_with_who_signs(run: Run, file: str) -> None:
    run("key", "trust", file, "--name", "berlin", "--images", "shop/*")
    _, output, _ = run("key", "ls")
    assert "builder (signs)" in output
    assert "berlin" in output
    assert max(map(len, output.splitlines())) <= 80
    own, other = json_of(run, "key", "ls")
    assert set(own) == KEY
    assert (own["signs"], other["signs"], other["images"]) == (True, False, "shop/*")


def test_a_name_that_is_taken_or_no_pattern_is_refused_and_not_written_down(
    run: Run, workshop: Workshop, file: str
) -> None:
    before = len(list(workshop.audit.records()))
    assert run("key", "trust", file, "--name", "builder")[0] == 10
    assert run("key", "trust", file, "--name", "berlin", "--images", "")[0] == 3
    assert run("key", "trust", file, "--name", "No Name")[0] == 3
    assert len(list(workshop.audit.records())) == before


def test_the_public_key_is_printed_as_others_take_it(run: Run, workshop: Workshop) -> None:
    assert run("key", "export")[1] == workshop.keys.own().pem
    assert json_of(run, "key", "export")["name"] == "builder"


def test_a_rotation_tells_the_new_key(run: Run) -> None:
    _, output, errors = run("key", "rotate", "--why", "every year")
    assert output == "The builder signs with builder-2 from now on\n"
    assert "herdbook key export" in errors
    assert [each["standing"] for each in json_of(run, "key", "ls")] == ["retired", "trusted"]


def test_what_a_distrusted_key_takes_with_it_is_told_and_how_to_go_on(
    run: Run, workshop: Workshop
) -> None:
    status, _, errors = run("key", "distrust", "builder", "--why", "stolen")
    assert status == 0
    assert "2 versions and 1 channels count no more without builder" in errors
    _, output, _ = run("channel", "ls", "shop/web")
    assert "means nothing" in " ".join(output.split())
    status, _, errors = run("show", "shop/web@production")
    assert status == 5
    assert "herdbook promote shop/web:2 production" in errors
    assert run("sign", "--all", "--why", "built before")[0] == 0
    assert run("promote", "shop/web:2", "production")[0] == 0
    assert run("show", "shop/web@production")[0] == 0
    del workshop


def test_names_of_keys_are_completed(workshop: Workshop) -> None:
    from herdbook.cli.completion import complete_key

    del workshop
    assert complete_key("b") == ["builder"]
    assert complete_key("x") == []
