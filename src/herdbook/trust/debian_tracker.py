"""Reads Debian's security tracker (https://security-tracker.debian.org/tracker/data/json)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import InvalidInputError
from herdbook.packages.suites import SUITES
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.foreign_json import (
    ForeignModel,
    Name,
    NameOrNothing,
    checked,
    members,
    one_line,
)
from herdbook.trust.severities import severity_word, worst

_NEVER_AFFECTED = "0"
_IGNORED = "ignored"
_END_OF_LIFE = "end-of-life"


class _Release(ForeignModel):
    status: Name
    fixed_version: NameOrNothing | None = None
    urgency: str | None = None
    nodsa_reason: str | None = None


class _Issue(ForeignModel):
    description: str | None = None
    releases: dict[Name, _Release]


class _Package(ForeignModel):
    name: Name
    issues: dict[Name, _Issue]


@dataclass
class _Gathered:
    """What several source packages have to say of one vulnerability."""

    summary: str = ""
    severities: set[str] = field(default_factory=set)
    ranges: list[AffectedRange] = field(default_factory=list)


def looks_like_tracker(text: str) -> bool:
    """Whether a JSON text begins as the tracker's: a source, then its issues with `releases`."""
    try:
        _, issues = next(members(text, ""))
    except (InvalidInputError, StopIteration):
        return False
    return isinstance(issues, dict) and any(
        isinstance(each, dict) and "releases" in each for each in issues.values()
    )


def read_tracker(text: str, skipped: Counter[str], where: str) -> Iterator[Advisory]:
    """Yield an advisory for each vulnerability, with a range for each source and suite.

    The text, some 60 MB, is read source by source, so that it is never in memory as a whole in
    Python's much larger form. `skipped` counts what is said of suites that are not ours. Raises
    InvalidInputError with the source package at fault.
    """
    gathered: dict[str, _Gathered] = {}
    for source, issues in members(text, where):
        package = checked(
            _Package, {"name": source, "issues": issues}, "security tracker", f"{where}: {source}"
        )
        for issue_id, issue in package.issues.items():
            _gather(gathered, package.name, issue_id, issue, skipped)
    for issue_id in sorted(gathered):
        found = gathered.pop(issue_id)
        yield Advisory(
            id=issue_id,
            source=Source.DEBIAN,
            summary=found.summary,
            severity=worst(found.severities),
            ranges=tuple(found.ranges),
        )


def _gather(
    gathered: dict[str, _Gathered],
    package: str,
    issue_id: str,
    issue: _Issue,
    skipped: Counter[str],
) -> None:
    for suite, release in issue.releases.items():
        if suite not in SUITES:
            skipped[f"suite {suite}"] += 1
            continue
        found = gathered.setdefault(issue_id, _Gathered())
        found.summary = found.summary or one_line(issue.description or "")
        found.severities.add(severity_word(release.urgency or ""))
        found.ranges.append(
            AffectedRange(
                ecosystem=Ecosystem.DEBIAN,
                package=package,
                suite=SUITES[suite].name,
                fixed=_fixed(release),
                status=_status(release),
            )
        )


def _fixed(release: _Release) -> str:
    version = (release.fixed_version or "").strip()
    return "" if version == _NEVER_AFFECTED else version


def _status(release: _Release) -> RangeStatus:
    if release.fixed_version == _NEVER_AFFECTED:
        return RangeStatus.NOT_AFFECTED
    if release.status not in ("open", "resolved"):
        return RangeStatus.UNDETERMINED
    if release.status == "resolved" and not _fixed(release):
        return RangeStatus.UNDETERMINED  # resolved how? nobody says
    if release.urgency == RangeStatus.UNIMPORTANT:
        return RangeStatus.UNIMPORTANT
    if release.status == "resolved":
        return RangeStatus.FIXED
    ignored = release.nodsa_reason == _IGNORED or release.urgency == _END_OF_LIFE
    return RangeStatus.IGNORED if ignored else RangeStatus.OPEN
