"""Debian's tracker is read by vulnerability, with what it says for each suite of ours."""

import json
from collections import Counter
from typing import Any

import pytest

from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import InvalidInputError
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.debian_tracker import looks_like_tracker, read_tracker
from herdbook.trust.foreign_json import members

TRACKER: dict[str, Any] = {
    "openssl": {
        "CVE-2023-5363": {
            "description": "Issue summary: A bug has been identified\nin key lengths.",
            "scope": "remote",
            "debianbug": 1055473,
            "releases": {
                "bookworm": {
                    "status": "resolved",
                    "repositories": {"bookworm": "3.0.15-1~deb12u1"},
                    "fixed_version": "3.0.11-1~deb12u2",
                    "urgency": "high**",
                },
                "bullseye": {"status": "resolved", "fixed_version": "0", "urgency": "unimportant"},
                "sid": {"status": "resolved", "fixed_version": "3.0.12-1", "urgency": "low"},
            },
        }
    },
    "edk2": {
        "CVE-2023-5363": {
            "releases": {
                "bookworm": {
                    "status": "open",
                    "urgency": "not yet assigned",
                    "nodsa": "Minor issue",
                    "nodsa_reason": "ignored",
                }
            }
        }
    },
}


def read(tracker: object) -> tuple[list[Advisory], Counter[str]]:
    skipped: Counter[str] = Counter()
    return list(read_tracker(json.dumps(tracker), skipped, "tracker.json")), skipped


def ranges_for(release: dict[str, Any]) -> AffectedRange:
    (advisory,), _ = read({"zlib": {"CVE-1": {"releases": {"trixie": release}}}})
    (found,) = advisory.ranges
    return found


def test_a_vulnerability_has_a_range_for_each_source_and_suite() -> None:
    (advisory,), skipped = read(TRACKER)
    debian = Ecosystem.DEBIAN
    assert advisory == Advisory(
        id="CVE-2023-5363",
        source=Source.DEBIAN,
        summary="Issue summary: A bug has been identified in key lengths.",
        severity="high",
        ranges=(
            AffectedRange(
                debian, "openssl", "bookworm", fixed="3.0.11-1~deb12u2", status=RangeStatus.FIXED
            ),
            AffectedRange(debian, "openssl", "bullseye", status=RangeStatus.NOT_AFFECTED),
            AffectedRange(debian, "edk2", "bookworm", status=RangeStatus.IGNORED),
        ),
    )
    assert skipped == {"suite sid": 1}


@pytest.mark.parametrize(
    ("release", "status", "fixed"),
    [
        ({"status": "open"}, RangeStatus.OPEN, ""),
        ({"status": "open", "nodsa_reason": "postponed"}, RangeStatus.OPEN, ""),
        ({"status": "open", "nodsa_reason": ""}, RangeStatus.OPEN, ""),
        ({"status": "open", "urgency": "end-of-life"}, RangeStatus.IGNORED, ""),
        ({"status": "open", "urgency": "unimportant"}, RangeStatus.UNIMPORTANT, ""),
        (
            {"status": "resolved", "urgency": "unimportant", "fixed_version": "1:2-1"},
            RangeStatus.UNIMPORTANT,
            "1:2-1",
        ),
        ({"status": "resolved", "fixed_version": "0"}, RangeStatus.NOT_AFFECTED, ""),
        ({"status": "resolved"}, RangeStatus.UNDETERMINED, ""),
        ({"status": "resolved", "fixed_version": ""}, RangeStatus.UNDETERMINED, ""),
        ({"status": "undetermined"}, RangeStatus.UNDETERMINED, ""),
        ({"status": "a word of next year"}, RangeStatus.UNDETERMINED, ""),
    ],
)
def test_what_debian_says_is_kept_and_what_it_does_not_say_is_undetermined(
    release: dict[str, Any], status: RangeStatus, fixed: str
) -> None:
    found = ranges_for(release)
    assert (found.status, found.fixed) == (status, fixed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zlib": {"CVE-1": {"releases": {"trixie": {"status": 1}}}}},
        {"zlib": {"CVE-1": {"releases": {"trixie": {"status": "open", "fixed_version": 12}}}}},
        {"zlib": {"CVE-1": {"releases": {"trixie": {"status": "open", "fixed_version": "1\0"}}}}},
        {"zlib": {"CVE-1": {"releases": []}}},
        {"zlib": {"CVE-1": {}}},
        {"zlib": ["CVE-1"]},
        {"zlib": None},
        {"zlib": {"CVE\n1": {"releases": {}}}},
    ],
)
def test_wrong_types_are_refused_with_the_source_at_fault(wrong: object) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(wrong)
    assert refused.value.where == "tracker.json: zlib"


def test_the_tracker_is_known_by_how_it_begins() -> None:
    assert looks_like_tracker(json.dumps(TRACKER, indent=1))
    assert looks_like_tracker(json.dumps(TRACKER)[:-40])  # the end is looked at when it is read
    for other in ("{}", "[]", '{"id": {}}', '{"id": {"x": {}}}', "7", '{"statements": []}', ""):
        assert not looks_like_tracker(other)


@pytest.mark.parametrize("left", [1, 30, 200])
def test_a_tracker_that_ends_in_the_middle_is_refused(left: int) -> None:
    with pytest.raises(InvalidInputError, match="incomplete"):
        list(read_tracker(json.dumps(TRACKER)[:-left], Counter(), "tracker.json"))


def test_sources_of_any_size_are_read_and_a_mistake_after_them_has_its_line() -> None:
    large: dict[str, Any] = {f"CVE-{number}": {"releases": {}} for number in range(20_000)}
    text = json.dumps({"linux": large, "number": 1} | TRACKER)
    assert looks_like_tracker(text)
    assert [len(json.dumps(value)) for _, value in members(text, "")] == [
        len(json.dumps(value)) for value in (large, 1, *TRACKER.values())
    ]
    for cut, line in ((text[:-90], 1), (text.replace('"edk2"', '\n"edk2" 7'), 2)):
        with pytest.raises(InvalidInputError) as refused:
            list(members(cut, "tracker.json"))
        assert refused.value.where == f"tracker.json:{line}"


def test_one_source_that_is_larger_than_any_is_refused() -> None:
    text = json.dumps({"zlib": {"CVE-1": {"releases": {}, "description": "x" * (65 << 20)}}})
    with pytest.raises(InvalidInputError, match="larger"):
        list(read_tracker(text, Counter(), "tracker.json"))
