"""Exceptions are added, shown and ended by commands, for people and for scripts."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding, import_feed, tracker
from channel_images import put_rules, verbs
from commands import Run
from stores import open_store

from herdbook.actions.propose import propose
from herdbook.actions.workshop import Workshop

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
RULES = "channels: [{channel: production, gates: {worst: low}}]"
ADD = ("exception", "add", "CVE-2026-1", "--images", "shop/*", "--owner", "ann")
WHY = ("--why", "nobody reaches it")
KEYS = {
    *("number", "name", "images", "component", "owner", "until", "why", "who", "at"),
    *("ended_at", "ended_by", "holds", "void"),
}


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One whose production takes nothing graver than low, and a version with something graver."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_holding(made, OLD_SSL)
    import_feed(made, tracker())
    put_rules(made, RULES)
    return made


def test_what_somebody_answers_for_is_promoted_and_not_when_it_is_ended(run: Run) -> None:
    assert run("promote", "shop/web", "production")[0] == 15
    status, output, errors = run(*ADD, "--until", "90d", *WHY)
    assert status == 0
    assert output.startswith("exception 1: CVE-2026-1 of shop/* until ")
    assert "herdbook exception end 1" in errors
    assert run("exception", "end", "1", *WHY)[1] == (
        "exception 1 is ended: CVE-2026-1 of shop/* counts again\n"
    )
    assert run("promote", "shop/web", "production")[0] == 15
    run(*ADD, "--until", "90d", *WHY)
    assert run("promote", "shop/web", "production")[0] == 0


def test_who_answers_for_what_is_listed_and_shown_with_the_proposal(
    run: Run, workshop: Workshop
) -> None:
    assert "There are no exceptions" in run("exception", "ls")[2]
    run(*ADD, "--component", "openssl", "--until", "300d", *WHY)
    listed = run("exception", "ls")[1]
    assert re.search(r"CVE-2026-1 in openssl of shop/\*\s+ann", listed)
    assert "holds" in listed
    propose(workshop, "shop/web", "production", "x")
    shown = run("proposal", "show", "1")[1]
    assert re.search(r"excepted until .* by ann: CVE-2026-1 in openssl 3.0.9-1", shown)


def test_one_that_was_ended_is_listed_only_where_that_is_asked_for(run: Run) -> None:
    run(*ADD, "--until", "90d", *WHY)
    run("exception", "end", "1", *WHY)
    assert json.loads(run("exception", "ls", "--json")[1]) == []
    assert "ended by" in run("exception", "ls", "--all")[1]


def test_scripts_are_told_as_it_is_documented(run: Run) -> None:
    added = json.loads(run(*ADD, "--until", "90d", *WHY, "--json")[1])
    listed = json.loads(run("exception", "ls", "--json")[1])
    ended = json.loads(run("exception", "end", "1", *WHY, "--json")[1])
    assert (added, set(added)) == (listed[0], KEYS)
    assert (added["holds"], ended["holds"]) == (True, False)
    [row] = [line for line in DOCUMENTED.splitlines() if line.startswith("| `exception add`")]
    assert set(re.findall(r'"([a-z_]+)"', row)) == KEYS


@pytest.mark.parametrize(
    ("more", "status"),
    [
        (("--until", "366d", *WHY), 3),
        (("--until", "2001-01-01", *WHY), 3),
        (("--until", "soon", *WHY), 3),
        (("--until", "90d", "--why", " "), 3),
        (("--until", "90d"), 2),
        (WHY, 2),
    ],
)
def test_one_without_an_end_or_a_reason_is_not_added(
    run: Run, workshop: Workshop, more: tuple[str, ...], status: int
) -> None:
    assert run(*ADD, *more)[0] == status
    assert workshop.channels.exceptions() == []
    assert verbs(workshop) == ["set-rules channels"]


def test_without_an_owner_there_is_none(run: Run, workshop: Workshop) -> None:
    assert run(*ADD[:5], "--until", "90d", *WHY)[0] == 2
    assert run(*ADD[:5], "--owner", " ", "--until", "90d", *WHY)[0] == 3
    assert workshop.channels.exceptions() == []


def test_what_is_not_there_cannot_be_ended(run: Run) -> None:
    assert run("exception", "end", "7", *WHY)[0] == 4
