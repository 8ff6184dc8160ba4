"""Evidence: what is known of a version when it is to be approved, and of what it would replace."""

from pydantic import BaseModel, ConfigDict

from herdbook.channels.rules import ChannelRule
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.trust.severities import RANKED
from herdbook.trust.vulnerabilities import Report, Vulnerability


class Finding(BaseModel):
    """A vulnerability that somebody has to look at, in one component."""

    model_config = ConfigDict(frozen=True)

    name: str
    component: str
    severity: str
    exploited: bool
    fixed: str


class Evidence(BaseModel):
    """What an approval rests on; where any of it changes, its digest does.

    `before` is the digest of what the channel means now, empty for nothing. `lost` are findings
    that the version before has and this one has not. `complete` says that nothing is unknown: all
    layers were scanned, and there are advisories for all that is in them.
    """

    model_config = ConfigDict(frozen=True)

    version: Digest
    before: str
    rule: ChannelRule
    findings: tuple[Finding, ...]
    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    complete: bool

    @property
    def digest(self) -> Digest:
        """What names all of it."""
        return digests.of_json(self.model_dump(mode="json", by_alias=True))


def evidence_of(
    version: Digest, before: Digest | None, rule: ChannelRule, report: Report, old: Report | None
) -> Evidence:
    """Return the evidence for a version in place of another one, by what is known of both."""
    findings = findings_of(report)
    had = findings_of(old) if old else ()
    return Evidence(
        version=version,
        before=before or "",
        rule=rule,
        findings=findings,
        gained=tuple(each for each in findings if each not in had),
        lost=tuple(each for each in had if each not in findings),
        complete=report.complete,
    )


def findings_of(report: Report) -> tuple[Finding, ...]:
    """Return what somebody has to look at, in an order that does not depend on chance."""
    found = {_finding(each) for each in report.open}
    return tuple(sorted(found, key=_order))


def _order(each: Finding) -> tuple[str, str, str, str, bool]:
    # By all there is: what packages of two ecosystems have in common must not be left to chance.
    return each.name, each.component, each.fixed, each.severity, each.exploited


def _finding(vulnerability: Vulnerability) -> Finding:
    component = vulnerability.component
    return Finding(
        name=vulnerability.name,
        component=f"{component.name} {component.version}",
        severity=vulnerability.severity,
        exploited=vulnerability.exploited is not None,
        fixed=vulnerability.fixed,
    )


def graver_than(findings: tuple[Finding, ...], most: str) -> list[Finding]:
    """Return the findings that are graver than `most`; one whose severity nobody knows counts."""
    limit = RANKED.index(most)
    return [each for each in findings if not each.severity or RANKED.index(each.severity) > limit]
