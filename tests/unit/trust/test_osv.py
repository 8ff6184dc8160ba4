"""OSV is read for our ecosystems; what is left out is counted, what is wrong is refused."""

from collections import Counter
from typing import Any

import pytest

from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import InvalidInputError
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.osv import read_osv

JINJA: dict[str, Any] = {
    "schema_version": "1.6.0",
    "id": "GHSA-h5c8-rqwp-cp95",
    "modified": "2024-11-04T22:00:00Z",
    "published": "2024-01-11T15:20:48Z",
    "aliases": ["CVE-2024-22195", "PYSEC-2024-1"],
    "summary": "Jinja vulnerable to HTML attribute injection\u001b[31m\nwith xmlattr",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Jinja2", "purl": "pkg:pypi/jinja2"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]},
                {"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}]},
            ],
            "versions": ["2.0", "3.1.2", "3.1.4.post9"],
        }
    ],
    "database_specific": {"severity": "MODERATE"},
}

DEBIAN: dict[str, Any] = {
    "id": "DEBIAN-CVE-2024-2466",
    "modified": "2025-01-01T00:00:00Z",
    "upstream": ["CVE-2024-2466"],
    "details": "libcurl did not check the server certificate.",
    "affected": [
        {
            "package": {"ecosystem": "Debian:13", "name": "curl"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "8.7.1-1"}]}
            ],
            "versions": ["8.0-1"],
            "ecosystem_specific": {"urgency": "low"},
        },
        {
            "package": {"ecosystem": "Debian:12", "name": "curl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
            "ecosystem_specific": {"urgency": "unimportant"},
        },
        {
            "package": {"ecosystem": "Debian:7", "name": "curl"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        },
    ],
}


def read(*documents: object) -> tuple[list[Advisory], Counter[str]]:
    skipped: Counter[str] = Counter()
    return list(read_osv(((each, "feed.json") for each in documents), skipped)), skipped


def npm(*events: dict[str, str], **keys: object) -> dict[str, Any]:
    ranges = [{"type": "SEMVER", "events": list(events)}]
    package = {"ecosystem": "npm", "name": "@babel/traverse"}
    return {
        "id": "GHSA-1",
        "modified": "",
        "affected": [{"package": package, "ranges": ranges}],
    } | keys


def bounds(*events: dict[str, str]) -> list[tuple[str, str, str]]:
    document = npm(*events)
    del document["modified"]
    (advisory,), _ = read(document)
    return [(each.introduced, each.fixed, each.last_affected) for each in advisory.ranges]


def test_an_advisory_is_read_with_canonical_names_and_a_printable_summary() -> None:
    (advisory,), skipped = read(JINJA)
    fixed = AffectedRange(Ecosystem.PYTHON, "jinja2", fixed="3.1.3", status=RangeStatus.FIXED)
    beside = AffectedRange(Ecosystem.PYTHON, "jinja2", versions=("3.1.4.post9",))
    assert advisory == Advisory(
        id="GHSA-h5c8-rqwp-cp95",
        source=Source.OSV,
        aliases=("CVE-2024-22195", "PYSEC-2024-1"),
        summary="Jinja vulnerable to HTML attribute injection[31m with xmlattr",
        severity="medium",
        published="2024-01-11T15:20:48Z",
        modified="2024-11-04T22:00:00Z",
        ranges=(fixed, beside),
    )
    assert advisory.name == "CVE-2024-22195"
    assert not skipped


def test_debian_releases_are_suites_and_its_urgencies_mean_something() -> None:
    (advisory,), skipped = read(DEBIAN)
    assert [(each.suite, each.fixed, each.status) for each in advisory.ranges] == [
        ("trixie", "8.7.1-1", RangeStatus.FIXED),
        ("bookworm", "", RangeStatus.UNIMPORTANT),
    ]
    assert advisory.name == "CVE-2024-2466"
    assert advisory.severity == "low"
    assert skipped == {"ecosystem Debian:7": 1}


def test_each_pair_of_events_is_a_range() -> None:
    assert bounds(
        {"introduced": "1.0.0"}, {"fixed": "1.0.2"}, {"introduced": "3.0.0"}, {"fixed": "3.2.5"}
    ) == [("1.0.0", "1.0.2", ""), ("3.0.0", "3.2.5", "")]


def test_events_are_put_in_order() -> None:
    assert bounds(
        {"fixed": "3.2.5"}, {"introduced": "3.0.0"}, {"fixed": "1.0.2"}, {"introduced": "0"}
    ) == [("0", "1.0.2", ""), ("3.0.0", "3.2.5", "")]


def test_a_range_ends_with_the_last_affected_version_or_never() -> None:
    events = [{"introduced": "1.0.0"}, {"last_affected": "1.4.0"}, {"introduced": "2.0.0-rc.1"}]
    assert bounds(*events) == [("1.0.0", "", "1.4.0"), ("2.0.0-rc.1", "", "")]


def test_events_that_cannot_be_compared_stay_as_they_were_written() -> None:
    assert bounds({"introduced": "abc"}, {"fixed": "xyz"}) == [("abc", "xyz", "")]


def test_a_fix_alone_was_introduced_at_the_beginning() -> None:
    assert bounds({"fixed": "1.0.2"}) == [("0", "1.0.2", "")]


def test_what_only_git_could_tell_is_undetermined() -> None:
    document = npm()
    document["affected"][0]["ranges"] = [{"type": "GIT", "events": [{"introduced": "abc"}]}]
    del document["modified"]
    (advisory,), _ = read(document)
    assert [each.status for each in advisory.ranges] == [RangeStatus.UNDETERMINED]


def test_withdrawn_advisories_and_other_ecosystems_are_counted_not_read() -> None:
    go = {"id": "GO-1", "affected": [{"package": {"ecosystem": "Go", "name": "stdlib"}}]}
    git = {"id": "OSV-1", "affected": [{"ranges": [{"type": "GIT", "events": []}]}]}
    advisories, skipped = read(JINJA | {"withdrawn": "2024-02-01T00:00:00Z"}, go, go, git)
    assert advisories == [
        Advisory(name, Source.OSV) for name in (JINJA["id"], "GO-1", "GO-1", "OSV-1")
    ]
    assert skipped == {"withdrawn": 1, "ecosystem Go": 2, "no package": 1}


@pytest.mark.parametrize(
    ("other", "elsewhere"),
    [
        ({"package": {"ecosystem": "Maven", "name": "a:b"}}, True),
        ({"package": {"ecosystem": "Debian:7", "name": "curl"}}, True),
        ({"ranges": [{"type": "GIT", "events": []}]}, True),
        ({"package": {"ecosystem": "npm", "name": "jinja"}}, False),
    ],
)
def test_an_advisory_tells_that_it_speaks_of_what_is_not_kept(
    other: dict[str, Any], *, elsewhere: bool
) -> None:
    (advisory,), _ = read(JINJA | {"affected": [*JINJA["affected"], other]})
    assert advisory.elsewhere is elsewhere


def test_an_advisory_on_several_vulnerabilities_is_none_of_them() -> None:
    (advisory,), _ = read(DEBIAN | {"id": "DSA-5000-1", "upstream": ["CVE-1", "CVE-2"]})
    assert advisory.names == ("DSA-5000-1",)
    assert advisory.name == "DSA-5000-1"


def test_null_lists_are_empty() -> None:
    (advisory,), _ = read(JINJA | {"aliases": None, "severity": None})
    assert advisory.aliases == ()


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"id": 7}, "id"),
        ({"id": "x\x1b[2J"}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"id": "x" * 10_000}, "id"),
        ({"aliases": "CVE-2024-22195"}, "aliases"),
        ({"aliases": [None]}, "aliases.0"),
        ({"affected": {}}, "affected"),
        ({"affected": ["jinja2"]}, "affected.0"),
        ({"affected": [{"package": {"ecosystem": "PyPI"}}]}, "affected.0.package.name"),
        ({"affected": [{"ranges": [{"type": "SEMVER", "events": [{"fixed": 1.5}]}]}]}, "fixed"),
        ({"withdrawn": True}, "withdrawn"),
        ({"summary": 10**400}, "summary"),
    ],
)
def test_wrong_types_are_refused_with_the_key(wrong: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidInputError, match=key.replace(".", r"\.")) as refused:
        read(JINJA | wrong)
    assert refused.value.where == "feed.json"
    assert refused.value.hint
