"""A component is affected, fixed, not affected or undetermined: the unknown is never clean."""

import pytest

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.matching import Finding, Knowledge, RangeIndex, index_of, knowledge_of
from herdbook.trust.ranges import State, state_in

DEBIAN, PYTHON, NODE = Ecosystem.DEBIAN, Ecosystem.PYTHON, Ecosystem.NODE
EVERY = frozenset(State)
LIBSSL = Component(
    DEBIAN, "libssl3", "3.0.9-1+b1", "bookworm", "amd64", "openssl", source_version="3.0.9-1"
)
FIX = AffectedRange(
    DEBIAN, "openssl", "bookworm", fixed="3.0.11-1~deb12u2", status=RangeStatus.FIXED
)


def state(version: str, *ranges: AffectedRange) -> State:
    first = ranges[0]
    component = Component(first.ecosystem, first.package, version, suite=first.suite)
    index = RangeIndex(("A", each) for each in ranges)
    (finding,) = index.findings(component, EVERY)
    return finding.state


def test_a_debian_component_is_matched_by_its_source() -> None:
    index = RangeIndex([("CVE-1", FIX)])
    expected = Finding(LIBSSL, "CVE-1", State.AFFECTED, RangeStatus.FIXED, "3.0.11-1~deb12u2")
    assert list(index.findings(LIBSSL)) == [expected]
    itself = Component(DEBIAN, "openssl", "3.0.9-1", "bookworm")
    assert [each.state for each in index.findings(itself)] == [State.AFFECTED]


def test_what_is_said_of_one_suite_says_nothing_of_another() -> None:
    index = RangeIndex([("CVE-1", FIX)])
    for suite in ("trixie", ""):
        assert not list(index.findings(Component(DEBIAN, "openssl", "1.0-1", suite), EVERY))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.0.11-1~deb12u1", State.AFFECTED),
        ("3.0.11-1~deb12u2", State.FIXED),
        ("3.0.11-1~deb12u2+b1", State.FIXED),
        ("3.0.11-1", State.FIXED),
        ("3.0.11~rc1-1", State.AFFECTED),
        ("1:0.1-1", State.FIXED),
        ("none", State.UNDETERMINED),
        ("", State.UNDETERMINED),
    ],
)
def test_debian_versions_are_held_against_the_fix(version: str, expected: State) -> None:
    assert state(version, FIX) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.9.0", State.NOT_AFFECTED),
        ("1.0.0-rc.1", State.NOT_AFFECTED),
        ("1.0.0", State.AFFECTED),
        ("1.0.2-beta", State.AFFECTED),
        ("1.0.2", State.FIXED),
        ("2.5.0", State.FIXED),
        ("3.0.0", State.AFFECTED),
        ("3.2.5+build", State.FIXED),
        ("latest", State.UNDETERMINED),
    ],
)
def test_a_version_in_any_of_several_ranges_is_affected(version: str, expected: State) -> None:
    first = AffectedRange(NODE, "a", introduced="1.0.0", fixed="1.0.2")
    second = AffectedRange(NODE, "a", introduced="3.0.0", fixed="3.2.5")
    assert state(version, first, second) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.4", State.AFFECTED), ("1.4.0", State.AFFECTED), ("1.4.post1", State.NOT_AFFECTED)],
)
def test_the_last_affected_version_is_affected_and_no_fix_is_made_up(
    version: str, expected: State
) -> None:
    assert state(version, AffectedRange(PYTHON, "a", last_affected="1.4")) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.0", State.AFFECTED),
        ("1.0.0", State.AFFECTED),
        ("2011k", State.AFFECTED),
        ("1.1", State.NOT_AFFECTED),
        ("2012x", State.UNDETERMINED),
    ],
)
def test_listed_versions_are_affected_and_no_others(version: str, expected: State) -> None:
    assert state(version, AffectedRange(PYTHON, "a", versions=("2011k", "1.0"))) is expected


def test_pre_releases_of_the_fix_are_affected() -> None:
    fixed = AffectedRange(PYTHON, "a", fixed="2.0")
    assert [state(each, fixed) for each in ("2.0rc1", "2.0", "2.0.post1")] == [
        State.AFFECTED,
        State.FIXED,
        State.FIXED,
    ]


def test_without_a_fix_every_version_is_affected_even_one_that_is_none() -> None:
    assert state("whatever", AffectedRange(NODE, "a")) is State.AFFECTED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RangeStatus.OPEN, State.AFFECTED),
        (RangeStatus.IGNORED, State.AFFECTED),
        (RangeStatus.UNIMPORTANT, State.AFFECTED),
        (RangeStatus.UNDETERMINED, State.UNDETERMINED),
        (RangeStatus.NOT_AFFECTED, State.NOT_AFFECTED),
    ],
)
def test_what_the_publisher_says_decides(status: RangeStatus, expected: State) -> None:
    assert state_in(AffectedRange(DEBIAN, "a", "trixie", status=status), "1.0-1") is expected


def test_only_what_needs_looking_at_is_found_unless_asked_for_more() -> None:
    clean = AffectedRange(DEBIAN, "openssl", "bookworm", status=RangeStatus.NOT_AFFECTED)
    index = RangeIndex([("B", clean), ("A", FIX)])
    assert [each.advisory_id for each in index.findings(LIBSSL)] == ["A"]
    assert [each.advisory_id for each in index.findings(LIBSSL, EVERY)] == ["A", "B"]


def test_a_scope_without_advisories_has_no_data() -> None:
    clean = AffectedRange(DEBIAN, "zlib", "trixie", status=RangeStatus.NOT_AFFECTED)
    python = AffectedRange(PYTHON, "flask")
    advisories = [
        Advisory("A", Source.DEBIAN, ranges=(FIX, clean)),
        Advisory("B", Source.OSV, ranges=(python, python)),
    ]
    knowledge = knowledge_of(advisories)
    assert knowledge.advisories == {(DEBIAN, "bookworm"): 1, (DEBIAN, "trixie"): 1, (PYTHON, ""): 1}
    assert knowledge.covers(LIBSSL)
    assert knowledge.covers(Component(PYTHON, "never-heard-of", "1.0"))
    assert not knowledge.covers(Component(NODE, "express", "4.0.0"))
    assert not knowledge.covers(Component(DEBIAN, "zlib1g", "1", "bullseye"))
    assert not knowledge.covers(Component(DEBIAN, "zlib1g", "1"))
    assert not Knowledge({(NODE, ""): 0}).covers(Component(NODE, "express", "4.0.0"))
    assert list(index_of(advisories).findings(LIBSSL))
