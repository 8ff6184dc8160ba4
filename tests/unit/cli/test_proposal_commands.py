"""The commands of proposals print for people or for scripts, and refuse in words."""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from advised_images import (
    FLASK,
    NEW_SSL,
    OLD_SSL,
    add_holding,
    debian,
    exploited,
    import_feed,
    tracker,
)
from channel_images import put_rules, verbs
from commands import JsonOf, Run
from stores import open_store

from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, comment, propose, reject
from herdbook.actions.workshop import Workshop
from herdbook.cli.completion import complete_proposal
from herdbook.server.settings import load_settings

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
LONG = "a-team/with-quite-a-long-name/and-parts/of-it"
WEB = "shop/web:2"
PROPOSAL = {
    *("number", "image", "channel", "version", "digest", "who", "at", "why"),
    *("state", "ended_at", "ended_by", "said", "sources", "rebuilt"),
}
WEIGHED = PROPOSAL | {"before", "evidence", "comments", "approvals", "missing", "signatures"}
SHOWN = WEIGHED | {"differences"}
COMMENT = {"who", "at", "said"}
SIGNATURES = {"threshold", "signed", "missing"}
EVIDENCE = {
    *("digest", "findings", "gained", "lost", "complete", "tried", "licences", "excepted"),
    "proposed",
}
TRIED = {"kind", "name", "text", "standing", "failed", "never"}
EXCEPTED = {"name", "component", "number", "owner", "until"}
APPROVAL = {"who", "at", "said", "evidence", "void"}
FINDING = {"name", "component", "severity", "exploited", "fixed"}
RULES = "channels: [{channel: production, approvals: {count: %d}}]"
ME = load_settings().actor
"""Who gives the commands: the user who runs these tests."""


@pytest.fixture(autouse=True)
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """One whose production is shop/web:1 of two, and takes what one other approves."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = replace(open_store(tmp_path / "state").workshop, actor="anna")
    add_holding(made, OLD_SSL)
    add_holding(made, NEW_SSL)
    promote(made, "shop/web:1", "production")
    put_rules(made, RULES % 1)
    return made


@pytest.fixture
def proposed(workshop: Workshop) -> Workshop:
    """Return anna's workshop, who has proposed that shop/web:2 gets to production."""
    propose(workshop, WEB, "production", "payment by invoice")
    return workshop


def fits(output: str) -> bool:
    return max(map(len, output.splitlines())) <= 80


def timeless(text: str) -> str:
    """Return a text without its times, which are those of this machine's clock."""
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", text)


# Proposing


def test_a_proposal_is_told_with_what_others_do_next(run: Run, workshop: Workshop) -> None:
    status, output, errors = run("propose", WEB, "production", "--why", "an invoice")
    assert (status, output) == (0, "proposal 1: shop/web:2 for shop/web@production\n")
    assert "herdbook proposal show 1" in errors
    [kept] = workshop.channels.proposals()
    assert (kept.who, kept.why) == (ME, "an invoice")


def test_a_proposal_for_scripts(json_of: JsonOf, workshop: Workshop) -> None:
    found = json_of("propose", WEB, "production", "--why", "an invoice")
    assert set(found) == PROPOSAL
    version = workshop.versions.find("shop/web", 2)
    assert version
    assert datetime.fromisoformat(found.pop("at")).tzinfo
    assert found == {
        "number": 1,
        "image": "shop/web",
        "channel": "production",
        "version": 2,
        "digest": version.digest,
        "who": ME,
        "why": "an invoice",
        "state": "open",
        "ended_at": None,
        "ended_by": "",
        "said": "",
        "sources": None,
        "rebuilt": None,
    }


@pytest.mark.parametrize(
    "command",
    [("propose", WEB, "production"), ("reject", "1"), ("approve",), ("approve", "0")],
)
def test_what_is_left_out_is_told(run: Run, proposed: Workshop, command: tuple[str, ...]) -> None:
    before = verbs(proposed)
    status, output, errors = run(*command)
    assert (status, output) == (2, "")
    assert {"propose": "--why", "reject": "--why", "approve": "NUMBER"}[command[0]] in errors
    assert verbs(proposed) == before


# Approving and rejecting


def test_an_approval_is_told_with_what_is_missing_and_then_the_next_step(
    run: Run, proposed: Workshop
) -> None:
    put_rules(proposed, RULES % 3)
    status, output, errors = run("approve", "1", "--say", "looked at it")
    assert (status, output) == (0, f"proposal 1 is approved by {ME}\n")
    assert "2 more have to approve it." in errors
    [kept] = proposed.channels.approvals(1)
    assert (kept.who, kept.said) == (ME, "looked at it")
    put_rules(proposed, RULES % 1)
    _, _, errors = run("approve", "1")
    assert "Nothing more is needed: herdbook promote shop/web:2 production" in errors
    status, output, _ = run("promote", WEB, "production")
    assert status == 0
    assert run("proposal", "ls")[2].startswith("Nothing is proposed.")


def test_an_approval_for_scripts_shows_how_the_proposal_stands(
    json_of: JsonOf, proposed: Workshop
) -> None:
    put_rules(proposed, RULES % 2)
    found = json_of("approve", "1", "--say", "looked at it")
    assert set(found) == WEIGHED
    assert (found["state"], found["before"], found["missing"]) == ("open", 1, 1)
    [approval] = found["approvals"]
    assert set(approval) == APPROVAL
    assert (approval["who"], approval["said"], approval["void"]) == (ME, "looked at it", None)
    assert approval["evidence"] == found["evidence"]["digest"]
    shown = json_of("proposal", "show", "1")
    assert {name: shown[name] for name in found} == found


def test_a_rejection_is_told_and_for_scripts(run: Run, json_of: JsonOf, proposed: Workshop) -> None:
    found = json_of("reject", "1", "--why", "the stock is wrong")
    assert set(found) == PROPOSAL
    assert (found["state"], found["ended_by"], found["said"]) == (
        *("rejected", ME, "the stock is wrong"),
    )
    assert datetime.fromisoformat(found["ended_at"]).tzinfo
    propose(proposed, WEB, "production", "again")
    assert run("reject", "2", "--why", "no")[:2] == (0, "proposal 2 is rejected\n")


# Refusals


REFUSED: list[tuple[tuple[str, ...], int, str, str]] = [
    (
        ("propose", WEB, "production", "--why", "x"),
        10,
        "proposed for production already: 1",
        "herdbook proposal show 1",
    ),
    (
        ("propose", "shop/web:1", "production", "--why", "x"),
        10,
        "is shop/web:1 already",
        "channel history",
    ),
    (("propose", WEB, "staging", "--why", " "), 3, "--why says nothing", "Say why"),
    (("propose", WEB, "Staging", "--why", "x"), 3, "Staging", ""),
    (("propose", "shop/wep", "staging", "--why", "x"), 4, "shop/wep", "'shop/web'"),
    (("approve", "2"), 15, "nobody approves what they propose", "herdbook proposal show 2"),
    (("approve", "3"), 15, "Nobody has to approve", "herdbook promote shop/web:2 qa"),
    (("approve", "4"), 10, "Proposal 4 is rejected", "herdbook proposal ls"),
    (("approve", "9"), 4, "There is no proposal 9", "herdbook proposal ls"),
    (("reject", "4", "--why", "x"), 10, "Proposal 4 is rejected", "herdbook proposal ls"),
    (("reject", "9", "--why", "x"), 4, "There is no proposal 9", "herdbook proposal ls"),
    (("reject", "1", "--why", ""), 3, "--why says nothing", "Say why"),
    (("proposal", "show", "9"), 4, "There is no proposal 9", "herdbook proposal ls"),
    (
        ("promote", WEB, "production"),
        15,
        "1 more has to approve proposal 1",
        "herdbook proposal show 1",
    ),
]


@pytest.mark.parametrize(("command", "status", "said", "step"), REFUSED)
def test_a_refusal_has_a_status_says_why_and_what_to_do_next(
    run: Run, proposed: Workshop, command: tuple[str, ...], status: int, said: str, step: str
) -> None:
    me = replace(proposed, actor=ME)
    add_holding(proposed, NEW_SSL)
    propose(me, "shop/web:3", "production", "mine")
    propose(proposed, WEB, "qa", "no rule asks")
    reject(proposed, propose(proposed, WEB, "dev", "x").number, "no")
    before = verbs(proposed)
    found, output, errors = run(*command)
    assert (found, output) == (status, "")
    assert said in errors
    assert step in errors.partition("next:")[2]
    found, output, errors = run(*command, "--json")
    error = json.loads(errors)["error"]
    assert (found, output) == (status, "")
    assert said in error["message"]
    assert step in error["hint"]
    assert verbs(proposed) == before


def test_who_is_not_in_the_groups_is_refused(run: Run, proposed: Workshop) -> None:
    put_rules(proposed, "channels: [{channel: production, approvals: {groups: nobody-is-in-here}}]")
    status, output, errors = run("approve", "1")
    assert (status, output) == (15, "")
    assert f"{ME} is not in nobody-is-in-here" in errors


# Looking at them


def test_proposals_are_listed_the_newest_first(
    run: Run, json_of: JsonOf, workshop: Workshop
) -> None:
    assert run("proposal", "ls")[:2] == (0, "")
    assert json_of("proposal", "ls") == []
    reason = "a reason that is quite long, as people write who care about others " * 2
    add_holding(workshop, NEW_SSL, image=LONG)
    propose(workshop, WEB, "production", reason)
    propose(workshop, LONG, "production", reason)
    reject(workshop, propose(workshop, WEB, "staging", "x").number, "no")
    found = json_of("proposal", "ls")
    assert all(set(each) == PROPOSAL for each in found)
    assert [each["number"] for each in found] == [2, 1]
    every = json_of("proposal", "ls", "--all")
    assert [(each["number"], each["state"]) for each in every] == [
        *((3, "rejected"), (2, "open"), (1, "open")),
    ]
    status, output, _ = run("proposal", "ls", "--all")
    assert status == 0
    assert fits(output)
    numbers = [line.split()[0] for line in output.splitlines() if line[:1].strip().isdigit()]
    assert numbers == ["3", "2", "1"]
    assert output.split()[:6] == ["version", "channel", "by", "when", "state", "why"]
    assert "rejected" not in run("proposal", "ls")[1]


def test_a_proposal_is_shown_with_all_that_speaks_for_and_against_it(
    run: Run, proposed: Workshop
) -> None:
    import_feed(proposed, tracker())
    import_feed(proposed, exploited())
    put_rules(proposed, RULES % 3)
    approve(replace(proposed, actor="bob"), 1, "looked")
    put_rules(proposed, RULES % 2)
    approve(replace(proposed, actor="cleo"), 1)
    status, output, _ = run("proposal", "show", "1")
    assert status == 0
    assert fits(output)
    comment(replace(proposed, actor="dora"), 1, "why at last?")
    lines = timeless(run("proposal", "show", "1")[1]).splitlines()
    end = len(lines) - lines[::-1].index("")
    differences = lines[lines.index("shop/web:1 -> shop/web:2") : end]
    assert "    ~ openssl 3.0.9-1 -> 3.0.11-1  (deb)" in differences
    assert "  -recipe shop/web 1 None" in differences
    assert [each for each in lines if each and each not in differences] == [
        "proposal 1: shop/web:2 for shop/web@production in place of shop/web:1",
        "anna, WHEN: payment by invoice",
        "vulnerabilities lost: 1",
        "  CVE-2026-1 in openssl 3.0.9-1 (high, known to be exploited, fixed in 3.0.11-1)",
        "dora, WHEN says: why at last?",
        "approved by bob, WHEN: looked (void: what it rested on has changed)",
        "approved by cleo, WHEN",
        "1 more has to approve it",
    ]


def test_what_is_gained_and_what_is_not_known_is_shown(run: Run, workshop: Workshop) -> None:
    packages = [debian(f"lib{number}", "1") for number in range(12)]
    add_holding(workshop, *packages, FLASK)
    said = {"releases": {"bookworm": {"status": "open"}}}
    import_feed(workshop, {each.name: {"CVE-2026-7": said} for each in packages})
    propose(workshop, "shop/web:3", "qa", "x")
    lines = run("proposal", "show", "1")[1].splitlines()
    assert lines[0] == "proposal 1: shop/web:3 for shop/web@qa"
    assert lines[2] == "vulnerabilities gained: 12"
    assert lines[3] == "  CVE-2026-7 in lib0 1 (unknown)"
    assert lines[13:] == [
        "  and 2 more",
        "not everything in it is known: herdbook vulnerabilities shop/web:3",
        "nothing is there yet: herdbook show shop/web:3",
    ]


def test_a_proposal_is_shown_to_scripts(json_of: JsonOf, proposed: Workshop) -> None:
    import_feed(proposed, tracker())
    approve(replace(proposed, actor="bob"), 1, "looked")
    import_feed(proposed, exploited())
    found = json_of("proposal", "show", "1")
    assert set(found) == SHOWN
    assert found["differences"]["after"]["number"] == 2
    evidence = found["evidence"]
    assert set(evidence) == EVIDENCE
    assert (evidence["findings"], evidence["gained"], evidence["complete"]) == ([], [], True)
    assert evidence["lost"] == [
        {
            "name": "CVE-2026-1",
            "component": "openssl 3.0.9-1",
            "severity": "high",
            "exploited": True,
            "fixed": "3.0.11-1",
        }
    ]
    [approval] = found["approvals"]
    assert approval["void"] == "what it rested on has changed"
    assert approval["evidence"] != evidence["digest"]
    assert (found["before"], found["missing"]) == (1, 1)
    put_rules(proposed, "channels: []")
    free = json_of("proposal", "show", "1")
    assert ([each["who"] for each in free["approvals"]], free["missing"]) == (["bob"], 0)


def test_of_one_that_is_over_it_is_told_who_approved_it_and_nothing_of_today(
    run: Run, json_of: JsonOf, proposed: Workshop
) -> None:
    approve(replace(proposed, actor="bob"), 1)
    reject(replace(proposed, actor="carla"), 1, "the stock is wrong")
    found = json_of("proposal", "show", "1")
    assert (found["evidence"], found["before"], found["missing"]) == (None, None, 0)
    assert [(each["who"], each["void"]) for each in found["approvals"]] == [("bob", None)]
    shown = run("proposal", "show", "1")[1]
    assert "in place of" not in shown
    assert "more ha" not in shown


def test_how_it_ended_is_shown(run: Run, proposed: Workshop) -> None:
    reject(replace(proposed, actor="bob"), 1, "the stock is wrong")
    output = timeless(run("proposal", "show", "1")[1])
    assert "rejected by bob, WHEN: the stock is wrong" in output.splitlines()
    again = propose(proposed, WEB, "production", "x")
    approve(replace(proposed, actor="bob"), again.number)
    assert run("proposal", "show", "2")[1].splitlines()[-1] == "approved"
    promote(proposed, WEB, "production")
    output = timeless(run("proposal", "show", "2")[1])
    assert "promoted by anna, WHEN" in output.splitlines()


@pytest.mark.parametrize(
    ("commands_", "keys"),
    [
        ("`propose`, `reject`", PROPOSAL),
        (
            "`proposal show`, `approve`",
            (SHOWN - PROPOSAL | SIGNATURES | EVIDENCE) | (APPROVAL | FINDING | TRIED | EXCEPTED),
        ),
    ],
)
def test_these_shapes_are_the_documented_ones(commands_: str, keys: set[str]) -> None:
    [row] = [line for line in DOCUMENTED.splitlines() if line.startswith(f"| {commands_} |")]
    assert set(re.findall(r'"([a-z_]+)"', row)) == keys


def test_a_comment_is_kept_told_and_for_scripts(
    run: Run, json_of: JsonOf, proposed: Workshop
) -> None:
    assert run("proposal", "comment", "1", "why?")[:2] == (0, "said of proposal 1\n")
    found = json_of("proposal", "comment", "1", "because")
    assert set(found) == COMMENT
    assert [(each.who, each.said) for each in proposed.channels.comments(1)] == [
        *((ME, "why?"), (ME, "because")),
    ]
    assert json_of("proposal", "show", "1")["comments"][1] == found
    status, _, errors = run("proposal", "comment", "1", "  ")
    assert status != 0
    assert "A comment says nothing" in errors


@pytest.mark.parametrize(
    "command",
    [("rebuild", "1"), ("sources", "1", "there")],
)
def test_what_was_sent_with_nothing_has_nothing_to_be_rebuilt(
    run: Run, proposed: Workshop, command: tuple[str, ...]
) -> None:
    assert proposed.channels.proposal(1)
    status, output, errors = run("proposal", *command)
    assert (status not in (0, 1), output) == (True, "")
    assert "Proposal 1 was not sent with what shop/web:2 was made from" in errors


# Completion


def test_numbers_of_open_proposals_are_completed(proposed: Workshop) -> None:
    for number in range(2, 12):
        propose(proposed, WEB, f"qa{number}", "x")
    reject(proposed, 10, "no")
    assert complete_proposal("") == [*("11", "9", "8", "7", "6", "5", "4", "3", "2", "1")]
    assert complete_proposal("1") == ["11", "1"]
    assert complete_proposal("x") == []


def test_where_there_is_no_register_nothing_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "file"))
    assert complete_proposal("") == []
