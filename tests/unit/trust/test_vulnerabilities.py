"""What several advisories say of one vulnerability is one; what nobody knows is never clean."""

from herdbook.catalogue.components import Component, Ecosystem, Origin
from herdbook.catalogue.model import Variant
from herdbook.trust.advisories import Advisory, Exploited, RangeStatus, Source, Statement, VexStatus
from herdbook.trust.bill import TitledBill
from herdbook.trust.judging import Verdict
from herdbook.trust.matching import Finding
from herdbook.trust.ranges import State
from herdbook.trust.vulnerabilities import (
    Report,
    VariantReport,
    Vulnerability,
    report_of,
    vulnerabilities_of,
)

FLASK = Component(Ecosystem.PYTHON, "flask", "2.0.0")
EXPRESS = Component(Ecosystem.NODE, "express", "4.0.0")
CONTAINER, VM = Variant.CONTAINER, Variant.VM
CLEARED = Statement(("CVE-1",), (), VexStatus.NOT_AFFECTED, "2026-01-01T00:00:00.000000Z", "us")
MARK = Exploited("CVE-1", "2026-01-01", "", "Flask")


def judged(  # noqa: PLR0913 - one for each thing that is said
    name: str = "CVE-1",
    state: State = State.AFFECTED,
    fixed: str = "",
    status: RangeStatus = RangeStatus.OPEN,
    *,
    component: Component = FLASK,
    severity: str = "",
    summary: str = "",
) -> tuple[Advisory, Verdict]:
    aliases = ("CVE-1",) if name != "CVE-2" else ()
    advisory = Advisory(name, Source.OSV, aliases, summary, severity)
    return advisory, Verdict(Finding(component, name, state, status, fixed))


def variant(
    *found: Vulnerability, kind: Variant = CONTAINER, no_data: tuple[Component, ...] = ()
) -> VariantReport:
    return VariantReport(kind, (FLASK, *no_data), found, no_data, ())


def names(report: Report) -> list[str]:
    return [each.name for each in report.vulnerabilities]


def test_advisories_on_one_vulnerability_are_one_entry_with_the_worst_of_them() -> None:
    (found,) = vulnerabilities_of(
        [
            judged("GHSA-1", State.UNDETERMINED, severity="low", summary="So so"),
            judged("PYSEC-1", State.AFFECTED, severity="high"),
            judged("CVE-1", State.AFFECTED, "2.1"),
        ]
    )
    assert (found.name, found.advisories) == ("CVE-1", ("CVE-1", "GHSA-1", "PYSEC-1"))
    assert (found.severity, found.summary, found.fixed) == ("high", "So so", "2.1")
    assert found.verdict.finding.state is State.AFFECTED
    assert found.open


def test_other_components_and_other_vulnerabilities_are_entries_of_their_own() -> None:
    found = vulnerabilities_of([judged(), judged(component=EXPRESS), judged("CVE-2")])
    assert {(each.name, each.component) for each in found} == {
        *(("CVE-1", FLASK), ("CVE-1", EXPRESS), ("CVE-2", FLASK)),
    }


def test_an_entry_is_cleared_only_where_all_it_is_made_of_is() -> None:
    advisory, verdict = judged("GHSA-1", fixed="2.1")
    cleared = (advisory, Verdict(verdict.finding, CLEARED, MARK))
    (found,) = vulnerabilities_of([cleared, judged("PYSEC-1")])
    assert found.open
    assert not found.verdict.cleared
    assert (found.exploited, found.fixed) == (MARK, "2.1")
    (found,) = vulnerabilities_of([cleared])
    assert found.verdict.cleared
    unimportant = judged("PYSEC-1", status=RangeStatus.UNIMPORTANT)
    (found,) = vulnerabilities_of([unimportant, judged("GHSA-1")])
    assert found.open


def test_entries_are_sorted_by_what_has_to_be_done_first() -> None:
    def entry(name: str, severity: str = "", *, marked: bool = False, **more: RangeStatus) -> None:
        advisory = Advisory(name, Source.OSV, severity=severity)
        finding = Finding(FLASK, name, State.AFFECTED, **more)
        entries.append((advisory, Verdict(finding, exploited=MARK if marked else None)))

    entries: list[tuple[Advisory, Verdict]] = []
    entry("CVE-unimportant", "critical", marked=True, status=RangeStatus.UNIMPORTANT)
    entry("CVE-b-unknown")
    entry("CVE-a-unknown")
    entry("CVE-low", "low")
    entry("CVE-critical", "critical")
    entry("CVE-exploited", "low", marked=True)
    assert names(report_of([variant(*vulnerabilities_of(entries))])) == [
        *("CVE-exploited", "CVE-critical", "CVE-low", "CVE-a-unknown", "CVE-b-unknown"),
        "CVE-unimportant",
    ]


def test_what_several_variants_have_is_one_entry_with_their_names() -> None:
    both, own = vulnerabilities_of([judged(), judged("CVE-2")])
    report = report_of([variant(both), variant(both, own, kind=VM)])
    assert [(each.name, each.variants) for each in report.vulnerabilities] == [
        ("CVE-1", (CONTAINER, VM)),
        ("CVE-2", (VM,)),
    ]
    assert report.components == 1


def test_a_report_is_complete_only_where_everything_is_known() -> None:
    assert report_of([variant()]).complete
    without = report_of([variant(), variant(kind=VM, no_data=(EXPRESS,))])
    assert not without.complete
    assert (without.components, without.no_data) == (2, ((EXPRESS, (VM,)),))
    layer = TitledBill("sha256:1", (), Origin.NOT_SCANNED, "files")  # type: ignore[arg-type]
    unseen = [VariantReport(kind, (), (), (), (layer,)) for kind in (CONTAINER, VM)]
    assert report_of(unseen).not_scanned == ((layer, (CONTAINER, VM)),)
    assert not report_of(unseen).complete
