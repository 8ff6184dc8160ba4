"""Finds which known vulnerabilities newer versions of components do not have any more."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

from herdbook.actions.workshop import Workshop
from herdbook.campaigns.model import Target
from herdbook.campaigns.sightings import Fix, fixes_in
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.judging import judged
from herdbook.trust.vulnerabilities import Vulnerability, vulnerabilities_of

Key = TypeVar("Key", bound=Hashable)


def known_against(workshop: Workshop, keys: Mapping[int, Key]) -> Mapping[Key, list[Vulnerability]]:
    """Return what is known against components, by the key of each component's number."""
    opinions = workshop.advisories.opinions()
    known: dict[Key, list[Vulnerability]] = defaultdict(list)
    for number, findings in workshop.advisories.findings_of(keys).items():
        verdicts = (
            (each.advisory, verdict)
            for each in findings
            for verdict in judged([each.finding], {each.advisory.id: each.advisory}, opinions)
        )
        known[keys[number]] += vulnerabilities_of(verdicts)
    return known


def fixes_of(workshop: Workshop, held: Mapping[int, Component], target: Target) -> Iterator[Fix]:
    """Yield what a target fixes of what is held, by number, each once."""
    offered = {each.name: each.source_version for each in target.packages}
    python = {
        name: version for each in target.python.values() for name, version in each.versions.items()
    }
    mine = {
        number: each.name
        for number, each in held.items()
        if each.suite == target.suite and (each.name in offered or each.name in python)
    }
    seen = set[str]()
    for name, vulnerabilities in known_against(workshop, mine).items():
        ecosystem = Ecosystem.DEBIAN if name in offered else Ecosystem.PYTHON
        available = offered.get(name) or python[name]
        for fix in fixes_in(available, vulnerabilities, ecosystem):
            if fix.name not in seen:
                seen.add(fix.name)
                yield fix
