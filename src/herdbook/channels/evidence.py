"""Evidence: what is known of a version when it is to be approved, and of what it would replace."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from herdbook.channels.exceptions import GateException, covering
from herdbook.channels.gates import Tried
from herdbook.channels.licences import Licensed, denied
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


class LicenceFinding(BaseModel):
    """A licence that the rule does not take, in one component."""

    model_config = ConfigDict(frozen=True)

    name: str
    component: str


class Excepted(BaseModel):
    """That somebody answers for a finding until then; `number` is that of the exception."""

    model_config = ConfigDict(frozen=True)

    name: str
    component: str
    number: int
    owner: str
    until: datetime


class Evidence(BaseModel):
    """What an approval rests on; where any of it changes, its digest does.

    `before` is the digest of what the channel means now, empty for nothing, and `moves` says how
    often the channel has got something: back at the same version, it is not as it was. `sources`
    names what the version was proposed with, and `proposed` is the digest of what was proposed,
    where what was rebuilt of that is something else. `lost` are findings
    that the version before has and this one has not. `complete` says that nothing is unknown: all
    layers were scanned, and there are advisories for all that is in them. `tried` is how it stands
    in what is to be found out of it; `licences` are those that the rule does not take. `excepted`
    are the findings, of either kind, that somebody answers for.
    """

    model_config = ConfigDict(frozen=True)

    version: Digest
    before: str
    rule: ChannelRule
    findings: tuple[Finding, ...]
    gained: tuple[Finding, ...]
    lost: tuple[Finding, ...]
    complete: bool
    tried: tuple[Tried, ...] = ()
    licences: tuple[LicenceFinding, ...] = ()
    excepted: tuple[Excepted, ...] = ()
    moves: int = 0
    sources: str = ""
    proposed: str = ""

    @property
    def digest(self) -> Digest:
        """What names all of it."""
        return digests.of_json(self.model_dump(mode="json", by_alias=True))

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The vulnerabilities that nobody answers for."""
        return tuple(each for each in self.findings if not self._is_excepted(each))

    @property
    def open_licences(self) -> tuple[LicenceFinding, ...]:
        """The licences that are not taken, and that nobody answers for."""
        return tuple(each for each in self.licences if not self._is_excepted(each))

    def _is_excepted(self, finding: Finding | LicenceFinding) -> bool:
        key = finding.name, finding.component
        return any((each.name, each.component) == key for each in self.excepted)


@dataclass(frozen=True)
class Known:
    """What is known of a version besides its vulnerabilities.

    `exceptions` are those about its image that hold now; the rest is as Evidence has it.
    """

    components: Sequence[Licensed] = ()
    tried: tuple[Tried, ...] = ()
    exceptions: Sequence[GateException] = ()
    moves: int = 0
    sources: str = ""
    proposed: str = ""


def evidence_of(
    version: Digest,
    before: Digest | None,
    rule: ChannelRule,
    report: Report,
    old: Report | None,
    known: Known | None = None,
) -> Evidence:
    """Return the evidence for a version in place of another one, by what is known of both."""
    known = known or Known()
    findings = findings_of(report)
    had = findings_of(old) if old else ()
    licences = licences_of(rule, known.components)
    return Evidence(
        version=version,
        before=before or "",
        rule=rule,
        findings=findings,
        gained=tuple(each for each in findings if each not in had),
        lost=tuple(each for each in had if each not in findings),
        complete=report.complete,
        tried=known.tried,
        licences=licences,
        excepted=tuple(_excepted((*findings, *licences), known.exceptions)),
        moves=known.moves,
        sources=known.sources,
        proposed=known.proposed,
    )


def findings_of(report: Report) -> tuple[Finding, ...]:
    """Return what somebody has to look at, in an order that does not depend on chance."""
    found = {_finding(each) for each in report.open}
    return tuple(sorted(found, key=_order))


def licences_of(rule: ChannelRule, components: Iterable[Licensed]) -> tuple[LicenceFinding, ...]:
    """Return the licences that a rule does not take, in an order that does not depend on chance."""
    wanted = rule.gates.licences
    if wanted is None:
        return ()
    found = {
        (name, f"{each.name} {each.version}".strip())
        for each in components
        for name in denied(wanted, each.licence)
    }
    return tuple(LicenceFinding(name=name, component=which) for name, which in sorted(found))


def _excepted(
    findings: Iterable[Finding | LicenceFinding], exceptions: Sequence[GateException]
) -> Iterable[Excepted]:
    told = dict.fromkeys((each.name, each.component) for each in findings)
    for name, component in told:
        if found := covering(exceptions, name, component.partition(" ")[0]):
            yield Excepted(
                name=name,
                component=component,
                number=found.number,
                owner=found.owner,
                until=found.until,
            )


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
