"""What an approval rests on has one name, which changes with each part of it and nothing else."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as some
from versions import MOMENT, digest

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.model import Variant
from herdbook.channels.evidence import (
    Evidence,
    Excepted,
    Finding,
    LicenceFinding,
    evidence_of,
    findings_of,
    graver_than,
)
from herdbook.channels.gate_rules import Gates
from herdbook.channels.gates import Standing, Tried
from herdbook.channels.results import ResultKind
from herdbook.channels.rules import Approvals, ChannelRule, ChannelRules
from herdbook.core.digests import EMPTY
from herdbook.trust.advisories import Exploited, RangeStatus
from herdbook.trust.judging import Verdict
from herdbook.trust.matching import Finding as Matched
from herdbook.trust.ranges import State
from herdbook.trust.severities import RANKED
from herdbook.trust.vulnerabilities import Report, Vulnerability

FLASK = Component(Ecosystem.PYTHON, "flask", "2.0.0")
FLASK_OF_DEBIAN = Component(Ecosystem.DEBIAN, "flask", "2.0.0", "bookworm", "all")
MARK = Exploited("CVE-1", "2026-01-01", "", "Flask")
RULE = ChannelRule(channel="production", approvals=Approvals(count=2))
VERSION, BEFORE = digest("version"), digest("before")


def vulnerability(
    name: str = "CVE-1",
    severity: str = "high",
    component: Component = FLASK,
    *,
    exploited: bool = False,
    fixed: str = "",
) -> Vulnerability:
    matched = Matched(component, name, State.AFFECTED, fixed=fixed)
    verdict = Verdict(matched, exploited=MARK if exploited else None)
    return Vulnerability(name, (name,), severity, "", verdict, fixed, (Variant.CONTAINER,))


def report(*found: Vulnerability, no_data: tuple[Component, ...] = ()) -> Report:
    unknown = tuple((each, (Variant.CONTAINER,)) for each in no_data)
    return Report(found, len(found), unknown, ())


def evidence(*found: Vulnerability, old: Report | None = None) -> Evidence:
    return evidence_of(VERSION, BEFORE, RULE, report(*found), old or report())


def named(findings: tuple[Finding, ...] | list[Finding]) -> list[str]:
    return [each.name for each in findings]


# Its digest

FIRST, SECOND = vulnerability("CVE-1"), vulnerability("CVE-2")
TRIED = Tried(kind=ResultKind.BOOTS, name="vm", text=EMPTY, standing=Standing.PASSED)
LICENCE = LicenceFinding(name="AGPL-3.0-only", component="flask 2.0.0")
EXCEPTED = Excepted(name="CVE-1", component="flask 2.0.0", number=1, owner="ann", until=MOMENT)
PLAIN = evidence(FIRST, old=report(SECOND))
WHOLE = PLAIN.model_copy(
    update={"tried": (TRIED,), "licences": (LICENCE,), "excepted": (EXCEPTED,)}
)
FINDING = WHOLE.findings[0]


@pytest.mark.parametrize(
    "change",
    [
        {"version": digest("another")},
        {"before": digest("another")},
        {"before": ""},
        {"moves": 1},
        {"sources": digest("sources")},
        {"proposed": digest("another")},
        {"findings": ()},
        {"gained": ()},
        {"lost": ()},
        {"lost": WHOLE.gained},
        {"complete": False},
        {"rule": RULE.model_copy(update={"approvals": Approvals(count=3)})},
        {"rule": RULE.model_copy(update={"approvals": Approvals(count=2, groups=("a",))})},
        {"rule": RULE.model_copy(update={"approvals": Approvals(count=2, valid="8d")})},
        {"rule": RULE.model_copy(update={"gates": Gates(worst="high")})},
        {"rule": RULE.model_copy(update={"gates": Gates(exploited=False)})},
        {"rule": RULE.model_copy(update={"gates": Gates(complete=True)})},
        {"rule": RULE.model_copy(update={"rebuilt": True})},
        {"rule": RULE.model_copy(update={"promoters": ("operators",)})},
        {"rule": RULE.model_copy(update={"from_": ("staging",)})},
        {"rule": RULE.model_copy(update={"follow_back": ("staging",)})},
        {"findings": (FINDING.model_copy(update={"name": "CVE-3"}),)},
        {"findings": (FINDING.model_copy(update={"component": "flask 2.0.1"}),)},
        {"findings": (FINDING.model_copy(update={"severity": "low"}),)},
        {"findings": (FINDING.model_copy(update={"severity": ""}),)},
        {"findings": (FINDING.model_copy(update={"exploited": True}),)},
        {"findings": (FINDING.model_copy(update={"fixed": "2.1"}),)},
        {"rule": RULE.model_copy(update={"gates": Gates(tests=True)})},
        {"tried": ()},
        {"tried": (TRIED.model_copy(update={"kind": ResultKind.TESTS}),)},
        {"tried": (TRIED.model_copy(update={"name": "container"}),)},
        {"tried": (TRIED.model_copy(update={"text": digest("another")}),)},
        {"tried": (TRIED.model_copy(update={"standing": Standing.FAILED}),)},
        {"tried": (TRIED.model_copy(update={"failed": ("ready",)}),)},
        {"tried": (TRIED.model_copy(update={"never": "it has none"}),)},
        {"licences": ()},
        {"licences": (LICENCE.model_copy(update={"name": "MIT"}),)},
        {"licences": (LICENCE.model_copy(update={"component": "curl 8"}),)},
        {"excepted": ()},
        {"excepted": (EXCEPTED.model_copy(update={"name": "CVE-2"}),)},
        {"excepted": (EXCEPTED.model_copy(update={"component": "curl 8"}),)},
        {"excepted": (EXCEPTED.model_copy(update={"number": 2}),)},
        {"excepted": (EXCEPTED.model_copy(update={"owner": "bob"}),)},
        {"excepted": (EXCEPTED.model_copy(update={"until": MOMENT + timedelta(days=1)}),)},
    ],
)
def test_whatever_part_changes_the_digest_does(change: dict[str, object]) -> None:
    assert WHOLE.model_copy(update=change).digest != WHOLE.digest


def test_every_part_is_changed_above() -> None:
    assert set(Evidence.model_fields) == {
        *("version", "before", "rule", "findings", "gained", "lost", "complete"),
        *("tried", "licences", "excepted", "moves", "sources", "proposed"),
    }
    assert set(Tried.model_fields) == {"kind", "name", "text", "standing", "failed", "never"}
    assert set(LicenceFinding.model_fields) == {"name", "component"}
    assert set(Excepted.model_fields) == {"name", "component", "number", "owner", "until"}
    assert set(Finding.model_fields) == {"name", "component", "severity", "exploited", "fixed"}


def test_the_same_has_the_same_digest_whenever_it_is_gathered() -> None:
    assert evidence(FIRST, old=report(SECOND)).digest == PLAIN.digest
    assert Evidence.model_validate_json(PLAIN.model_dump_json(by_alias=True)).digest == PLAIN.digest


def test_a_rule_that_was_written_and_read_again_gives_the_same_digest() -> None:
    rules = ChannelRules(channels=(RULE,))
    kept = ChannelRules.model_validate(rules.model_dump(mode="json", by_alias=True))
    again = evidence_of(VERSION, BEFORE, kept.channels[0], report(FIRST), report(SECOND))
    assert again.digest == PLAIN.digest


def test_what_nobody_decides_by_does_not_change_it() -> None:
    """What it is called, by whom else it was told of, and in which variants it is."""
    told = replace(FIRST, summary="Flask leaks", advisories=("GHSA-1",), variants=())
    assert evidence(told, old=report(SECOND)).digest == PLAIN.digest


def test_what_needs_nobody_does_not_change_it() -> None:
    matched = Matched(FLASK, "CVE-9", State.AFFECTED, RangeStatus.UNIMPORTANT)
    unimportant = replace(vulnerability("CVE-9"), verdict=Verdict(matched))
    assert evidence(FIRST, unimportant, old=report(SECOND, unimportant)).digest == PLAIN.digest


def test_what_is_not_known_makes_it_incomplete() -> None:
    known, unknown = report(FIRST), report(FIRST, no_data=(FLASK_OF_DEBIAN,))
    found = [evidence_of(VERSION, BEFORE, RULE, each, None) for each in (known, unknown)]
    assert [each.complete for each in found] == [True, False]
    assert found[0].digest != found[1].digest


def test_where_a_channel_means_nothing_all_is_gained() -> None:
    found = evidence_of(VERSION, None, RULE, report(FIRST), None)
    assert (found.before, named(found.gained), found.lost) == ("", ["CVE-1"], ())


# The order


ALIKE = [
    vulnerability(severity=severity, exploited=exploited)
    for severity, exploited in product(["", *RANKED], [False, True])
]
"""All alike but for what one does not name them by: as of two ecosystems' packages of one name."""
MANY = [*ALIKE, FIRST, SECOND, vulnerability(fixed="2.1"), vulnerability(component=FLASK_OF_DEBIAN)]


@given(order=some.permutations(MANY))
def test_the_order_of_what_was_found_does_not_matter(order: list[Vulnerability]) -> None:
    assert findings_of(report(*order)) == findings_of(report(*MANY))
    assert evidence(*order).digest == evidence(*MANY).digest


def test_findings_that_are_named_alike_have_an_order_of_their_own() -> None:
    """Not that of a set, which differs between processes: approvals would be void by chance."""
    found = [(each.severity, each.exploited) for each in findings_of(report(*reversed(ALIKE)))]
    assert found == sorted(found)
    assert len(found) == len(ALIKE)


def test_the_same_finding_is_listed_once() -> None:
    assert len(findings_of(report(FIRST, replace(FIRST, variants=(Variant.VM,))))) == 1


# What is gained and lost


def test_what_is_gained_and_lost_is_told() -> None:
    old = report(vulnerability("CVE-2"), vulnerability("CVE-3"))
    found = evidence(vulnerability("CVE-1"), vulnerability("CVE-2"), old=old)
    assert named(found.findings) == ["CVE-1", "CVE-2"]
    assert (named(found.gained), named(found.lost)) == (["CVE-1"], ["CVE-3"])


def test_the_same_vulnerability_in_another_version_of_a_component_is_both() -> None:
    newer = replace(FLASK, version="2.0.1")
    found = evidence(vulnerability(component=newer), old=report(vulnerability()))
    assert [each.component for each in found.gained] == ["flask 2.0.1"]
    assert [each.component for each in found.lost] == ["flask 2.0.0"]


SUBSETS = some.lists(some.sampled_from(MANY), unique=True)


@given(new=SUBSETS, old=SUBSETS)
def test_what_was_and_what_is_gained_less_what_is_lost_is_what_is(
    new: list[Vulnerability], old: list[Vulnerability]
) -> None:
    found = evidence(*new, old=report(*old))
    had = set(findings_of(report(*old)))
    assert (had | set(found.gained)) - set(found.lost) == set(found.findings)
    assert not set(found.gained) & had
    assert set(found.lost) <= had


# How grave it is


@pytest.mark.parametrize(
    ("most", "graver"),
    [
        ("low", ["", "medium", "high", "critical"]),
        ("medium", ["", "high", "critical"]),
        ("high", ["", "critical"]),
        ("critical", [""]),
    ],
)
def test_what_is_graver_counts_and_what_nobody_knows_does(most: str, graver: list[str]) -> None:
    findings = tuple(
        FINDING.model_copy(update={"severity": severity}) for severity in ("", *RANKED)
    )
    assert [each.severity for each in graver_than(findings, most)] == graver
