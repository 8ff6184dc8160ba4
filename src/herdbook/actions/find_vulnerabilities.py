"""Finds the vulnerabilities of a version, and of what in it nothing is known."""

from collections.abc import Iterator

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import VariantRecord, Version
from herdbook.trust.advisories import Advisory
from herdbook.trust.bill import bill_of
from herdbook.trust.judging import Opinions, Verdict, judged
from herdbook.trust.matching import Knowledge
from herdbook.trust.ports import KnownFinding
from herdbook.trust.products import ImageIdentity
from herdbook.trust.vulnerabilities import Report, VariantReport, report_of, vulnerabilities_of


def find_vulnerabilities(workshop: Workshop, version: Version) -> Report:
    """Return what is known of a version, by what was imported until now; nothing is built.

    Where a suite or an ecosystem has no data, or a layer was not scanned, the report says so: what
    is in there is never taken for clean.
    """
    opinions = workshop.advisories.opinions()
    # Before findings: what is imported meanwhile must not make a scope look known and clean.
    knowledge = workshop.advisories.knowledge()
    return report_of(
        [_variant(workshop, version, each, opinions, knowledge) for each in version.variants]
    )


def _variant(
    workshop: Workshop,
    version: Version,
    variant: VariantRecord,
    opinions: Opinions,
    knowledge: Knowledge,
) -> VariantReport:
    layers = [layer.digest for layer in variant.layers]
    bill = bill_of(version, variant, workshop.components.bills(layers))
    components = tuple(each.component for each in bill.held())
    numbers = workshop.advisories.numbers_of(components)
    found = workshop.advisories.findings_of(numbers.values())
    known = [each for findings in found.values() for each in findings]
    identity = ImageIdentity(
        version.image, version.number, frozenset({version.digest, variant.manifest})
    )
    return VariantReport(
        kind=variant.kind,
        components=components,
        vulnerabilities=vulnerabilities_of(_judged(known, opinions, identity)),
        no_data=tuple(each for each in components if not knowledge.covers(each)),
        not_scanned=bill.not_scanned,
    )


def _judged(
    known: list[KnownFinding], opinions: Opinions, identity: ImageIdentity
) -> Iterator[tuple[Advisory, Verdict]]:
    for each in known:
        # One by one: advisories of two publishers may have the same identifier.
        by_name = {each.advisory.id: each.advisory}
        for verdict in judged([each.finding], by_name, opinions, identity):
            yield each.advisory, verdict
