"""What a version's vulnerabilities are, one by one, and what nobody can say of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from herdbook.catalogue.components import Component
from herdbook.catalogue.model import Variant
from herdbook.trust.advisories import Advisory, Exploited
from herdbook.trust.bill import TitledBill
from herdbook.trust.judging import Verdict
from herdbook.trust.ranges import WORST_FIRST
from herdbook.trust.severities import RANKED, worst


@dataclass(frozen=True)
class Vulnerability:
    """A vulnerability of one component, whoever told of it, in some variants of a version.

    `advisories` are the identifiers under which it was told of. Where those do not agree,
    `verdict` is the worst of what they come to, and `severity` the gravest.
    """

    name: str
    advisories: tuple[str, ...]
    severity: str
    summary: str
    verdict: Verdict
    fixed: str
    variants: tuple[Variant, ...] = ()

    @property
    def component(self) -> Component:
        """The component that has it."""
        return self.verdict.finding.component

    @property
    def exploited(self) -> Exploited | None:
        """The mark that it is known to be exploited."""
        return self.verdict.exploited

    @property
    def open(self) -> bool:
        """Whether somebody has to act or decide."""
        return self.verdict.open


@dataclass(frozen=True)
class VariantReport:
    """What is known of one variant, and of which of its parts nothing is."""

    kind: Variant
    components: tuple[Component, ...]
    vulnerabilities: tuple[Vulnerability, ...]
    no_data: tuple[Component, ...]
    not_scanned: tuple[TitledBill, ...]


@dataclass(frozen=True)
class Report:
    """What is known of a version, over all its variants.

    `no_data` are components whose ecosystem or suite no advisories were imported for, and
    `not_scanned` layers that may hold anything: of neither can it be said that they are clean.
    """

    vulnerabilities: tuple[Vulnerability, ...]
    components: int
    no_data: tuple[tuple[Component, tuple[Variant, ...]], ...]
    not_scanned: tuple[tuple[TitledBill, tuple[Variant, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether what is not listed is not there, as far as the imported advisories know."""
        return not self.no_data and not self.not_scanned

    @property
    def open(self) -> tuple[Vulnerability, ...]:
        """Those that somebody has to look at."""
        return tuple(each for each in self.vulnerabilities if each.open)


def vulnerabilities_of(judged: Iterable[tuple[Advisory, Verdict]]) -> tuple[Vulnerability, ...]:
    """Return verdicts as vulnerabilities: what several advisories say of the same one is one."""
    groups: dict[tuple[str, str], list[tuple[Advisory, Verdict]]] = defaultdict(list)
    for advisory, verdict in judged:
        groups[advisory.name.upper(), verdict.finding.component.purl].append((advisory, verdict))
    return tuple(_one(group) for group in groups.values())


def report_of(variants: Sequence[VariantReport]) -> Report:
    """Put together what is known of the variants; what holds in several of them is one.

    Vulnerabilities are sorted: first what is open, of that what is exploited, then by severity.
    """
    found: dict[Vulnerability, list[Variant]] = defaultdict(list)
    no_data: dict[Component, list[Variant]] = defaultdict(list)
    not_scanned: dict[TitledBill, list[Variant]] = defaultdict(list)
    for variant in variants:
        for each in variant.vulnerabilities:
            found[each].append(variant.kind)
        for component in variant.no_data:
            no_data[component].append(variant.kind)
        for layer in variant.not_scanned:
            not_scanned[layer].append(variant.kind)
    whole = (replace(each, variants=tuple(kinds)) for each, kinds in found.items())
    return Report(
        vulnerabilities=tuple(sorted(whole, key=_urgency)),
        components=len({each.purl for variant in variants for each in variant.components}),
        no_data=tuple((each, tuple(kinds)) for each, kinds in no_data.items()),
        not_scanned=tuple((each, tuple(kinds)) for each, kinds in not_scanned.items()),
    )


def _one(group: Sequence[tuple[Advisory, Verdict]]) -> Vulnerability:
    ordered = sorted(group, key=lambda each: (_badness(each[1]), each[0].id))
    (first, verdict), *_ = ordered
    advisories = [advisory for advisory, _ in ordered]
    exploited = next(filter(None, (each.exploited for _, each in ordered)), None)
    fixes = (each.finding.fixed for _, each in ordered)
    return Vulnerability(
        name=first.name,
        advisories=tuple(sorted({each.id for each in advisories})),
        severity=worst(each.severity for each in advisories),
        summary=next(filter(None, (each.summary for each in advisories)), ""),
        verdict=replace(verdict, exploited=exploited),
        fixed=next(filter(None, fixes), ""),
    )


def _badness(verdict: Verdict) -> tuple[bool, int, bool]:
    finding = verdict.finding
    return not verdict.open, WORST_FIRST.index(finding.state), not finding.fixed


def _urgency(each: Vulnerability) -> tuple[bool, bool, int, str, str]:
    rank = RANKED.index(each.severity) + 1 if each.severity else 0
    return (
        not each.open,
        each.exploited is None,
        -rank,
        each.name,
        each.component.purl,
    )
