"""Not having run is not passing: how a version stands in what is to be found out of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from versions import digest

from herdbook.channels.evidence import Evidence, Excepted, Finding, LicenceFinding
from herdbook.channels.gate_objections import gate_objections
from herdbook.channels.gate_rules import Gates, OwnCommand
from herdbook.channels.gates import Standing, Subject, Tried, text_of_tests, tried
from herdbook.channels.results import Part, Result, ResultKind
from herdbook.channels.rules import ChannelRule
from herdbook.core.digests import EMPTY, Digest
from herdbook.recipes.model import RecipeTest, Variant

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
TESTS = (RecipeTest(run=("true",)), RecipeTest(run=("test", "-f", "/etc/passwd")))
BOTH = Subject((Variant.CONTAINER, Variant.VM), TESTS, "production")
LOOK = OwnCommand(name="look", run=("look", "hard"))
EVERYTHING = Gates(
    boots=(Variant.CONTAINER, Variant.VM), tests=True, reproduced=True, commands=(LOOK,)
)
GOOD, BAD = Part("good", passed=True), Part("bad", passed=False)
LABEL = "shop/web:3"


def result(kind: ResultKind, name: str = "", *parts: Part, text: Digest = EMPTY) -> Result:
    made = Result("shop/web", 3, EMPTY, kind, NOW, "ann", parts or (GOOD,), name)
    return replace(made, text=text)


ALL = (
    result(ResultKind.BOOTS, "container"),
    result(ResultKind.BOOTS, "vm"),
    result(ResultKind.TESTS, "container", text=text_of_tests(TESTS)),
    result(ResultKind.TESTS, "vm", text=text_of_tests(TESTS)),
    result(ResultKind.REPRODUCED),
    result(ResultKind.COMMAND, "look", text=LOOK.text_for("production")),
)


def standings(
    gates: Gates, *results: Result, of: Subject = BOTH, now: datetime = NOW
) -> dict[str, Standing]:
    return {each.title: each.standing for each in tried(gates, of, results, now)}


def objected(gates: Gates, *results: Result, of: Subject = BOTH, now: datetime = NOW) -> list[str]:
    """Return what speaks against it, and the next step of each."""
    evidence = evidence_with(gates, tried(gates, of, results, now))
    found = gate_objections(gates, evidence, LABEL)
    return [f"{each.gate}: {each.words} -> {each.remedy}" for each in found]


def evidence_with(gates: Gates, found: tuple[Tried, ...] = (), **more: Any) -> Evidence:
    rule = ChannelRule(channel="production", gates=gates)
    known = {"findings": (), "gained": (), "lost": (), "complete": True}
    written = {"version": EMPTY, "before": "", "rule": rule, "tried": found, **known, **more}
    return Evidence.model_validate(written)


def test_without_gates_nothing_has_to_be_found_out() -> None:
    assert tried(Gates(), BOTH, (), NOW) == ()
    assert objected(Gates(), result(ResultKind.BOOTS, "vm", BAD)) == []


def test_what_nobody_has_run_speaks_against_it_and_says_what_to_run() -> None:
    unknown = "nobody has found that out, or nobody's word that counts is on it"
    test = "Find out: herdbook test shop/web:3"
    assert objected(EVERYTHING) == [
        f"boots: boots container: {unknown} -> {test}",
        f"boots: boots vm: {unknown} -> {test}",
        f"tests: tests container: {unknown} -> {test}",
        f"tests: tests vm: {unknown} -> {test}",
        f"reproduced: reproduced: {unknown} -> {test} --reproduce",
        f"command: command look: {unknown} -> {test}",
    ]


def test_what_passed_does_not_speak_against_it() -> None:
    assert objected(EVERYTHING, *ALL) == []
    assert set(standings(EVERYTHING, *ALL).values()) == {Standing.PASSED}


@pytest.mark.parametrize("number", range(len(ALL)))
def test_each_of_them_has_to_pass_and_what_failed_is_named(number: int) -> None:
    failed = replace(ALL[number], parts=(GOOD, BAD))
    [said] = objected(EVERYTHING, *ALL[:number], failed, *ALL[number + 1 :])
    assert f"{failed.title} failed: bad -> See why, and try again: herdbook test" in said


@pytest.mark.parametrize("variants", [(Variant.VM,), (Variant.CONTAINER,)])
def test_tests_have_to_pass_in_the_variants_that_there_are(variants: tuple[Variant]) -> None:
    [variant] = variants
    only = Subject(variants, TESTS, "production")
    found = standings(Gates(tests=True), *ALL, of=only)
    assert found[f"tests {variant}"] is Standing.PASSED
    failed = replace(result(ResultKind.TESTS, variant, BAD), text=text_of_tests(TESTS))
    [said] = objected(Gates(tests=True), failed, of=only)
    assert f"tests {variant} failed: bad" in said


def test_of_nothing_that_was_tried_nothing_passed() -> None:
    empty = replace(ALL[0], parts=())
    [said] = objected(Gates(boots=(Variant.CONTAINER,)), empty)
    assert "boots container failed: nothing was tried" in said


@given(some.integers(min_value=-60, max_value=60))
def test_a_result_counts_for_as_long_as_the_rule_says_and_not_a_second_longer(late: int) -> None:
    gates = EVERYTHING.model_copy(update={"tested_within": "30d"})
    now = NOW + timedelta(days=30, seconds=late)
    wanted = Standing.PASSED if late < 0 else Standing.STALE
    assert set(standings(gates, *ALL, now=now).values()) == {wanted}
    said = objected(gates, *ALL, now=now)
    assert len(said) == (0 if late < 0 else len(ALL))
    assert all("passed more than 30d ago -> Try again: herdbook test" in each for each in said)


def test_what_failed_long_ago_has_failed() -> None:
    gates = Gates(boots=(Variant.VM,), tested_within="1d")
    failed = result(ResultKind.BOOTS, "vm", BAD)
    assert standings(gates, failed, now=NOW + timedelta(days=9)) == {"boots vm": Standing.FAILED}


def test_what_other_words_came_to_does_not_count() -> None:
    """Neither for a command that was changed, nor for tests that are not those of the version."""
    changed = OwnCommand(name="look", run=("look", "harder"))
    gates = Gates(tests=True, commands=(changed,))
    other = result(ResultKind.TESTS, "container", text=digest("other tests"))
    found = standings(gates, *(ALL[:2]), other, ALL[5])
    assert found["command look"] is Standing.MISSING
    assert found["tests container"] is Standing.MISSING


def test_a_command_may_take_another_time_and_stays_what_it_is() -> None:
    patient = OwnCommand(name="look", run=("look", "hard"), timeout="1h")
    assert standings(Gates(commands=(patient,)), ALL[5]) == {"command look": Standing.PASSED}


def test_what_a_command_came_to_for_another_channel_does_not_count() -> None:
    """It was told which, and what is known for that one."""
    staging = Subject((Variant.CONTAINER,), TESTS, "staging")
    found = standings(Gates(commands=(LOOK,)), ALL[5], of=staging)
    assert found == {"command look": Standing.MISSING}


def test_what_can_never_be_found_out_is_said_so() -> None:
    gates = Gates(boots=(Variant.VM,), tests=True)
    bare = Subject((Variant.CONTAINER,), (), "production")
    unread = Subject((Variant.CONTAINER,), None, "production")
    assert [each.partition(" ->")[0] for each in objected(gates, of=bare)] == [
        "boots: it has no vm: its recipe's `variants` do not name it",
        "tests: its recipe has no `tests`",
    ]
    assert "its recipe cannot be read any more" in objected(Gates(tests=True), of=unread)[0]


def test_what_no_gate_wants_is_told_and_speaks_against_nothing() -> None:
    """An approval rests on it all the same: it is part of the evidence."""
    failed = result(ResultKind.BOOTS, "vm", BAD)
    assert standings(Gates(), failed) == {"boots vm": Standing.FAILED}
    assert objected(Gates(reproduced=True), failed, ALL[4]) == []


def test_what_a_command_of_another_rule_came_to_is_not_told() -> None:
    assert tried(Gates(), BOTH, (ALL[5],), NOW) == ()


@given(some.permutations(ALL))
def test_the_order_does_not_depend_on_that_of_the_register(results: list[Result]) -> None:
    for gates in (EVERYTHING, Gates(), Gates(reproduced=True)):
        assert tried(gates, BOTH, results, NOW) == tried(gates, BOTH, ALL, NOW)


# What somebody answers for

BAD_FINDING = Finding(
    name="CVE-1", component="openssl 3.0.9-1", severity="critical", exploited=True, fixed=""
)
LICENCE = LicenceFinding(name="AGPL-3.0-only", component="ghostscript 10.0")


def excepted(name: str, component: str) -> Excepted:
    return Excepted(name=name, component=component, number=1, owner="ann", until=NOW)


def test_what_somebody_answers_for_speaks_against_nothing_and_the_rest_does() -> None:
    gates = Gates(worst="low", exploited=False)
    other = BAD_FINDING.model_copy(update={"component": "libssl3 3.0.9-1"})
    findings: dict[str, Any] = {"findings": (BAD_FINDING, other), "licences": (LICENCE,)}
    answered = (excepted("CVE-1", "openssl 3.0.9-1"), excepted("AGPL-3.0-only", "ghostscript 10.0"))
    before = evidence_with(gates, **findings)
    after = evidence_with(gates, **findings, excepted=answered)
    found = (gate_objections(gates, known, LABEL) for known in (before, after))
    said = [[each.words for each in objections] for objections in found]
    assert [len(each) for each in said] == [3, 2]
    assert all("libssl3" in each and "openssl 3" not in each for each in said[1])
    assert after.findings == before.findings
    assert after.digest != before.digest


def test_a_licence_that_is_not_taken_is_named_with_who_could_answer_for_it() -> None:
    [found] = gate_objections(Gates(), evidence_with(Gates(), licences=(LICENCE,)), LABEL)
    assert found.words == "AGPL-3.0-only in ghostscript 10.0: not to be used here"
    assert "herdbook exception add 'AGPL-3.0-only' --component ghostscript" in found.remedy
