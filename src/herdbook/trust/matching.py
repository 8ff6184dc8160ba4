"""Finds the vulnerabilities of components, and says of which components nothing is known."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus
from herdbook.trust.ranges import WORST_FIRST, State, state_in

UNSETTLED = frozenset((State.AFFECTED, State.UNDETERMINED))
"""The states somebody has to look at."""

Scope = tuple[Ecosystem, str]
"""An ecosystem and, for Debian, a suite: what a feed can know about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What an advisory says of a component.

    `status` is what its publisher says of the range that decided. `fixed` is the first version
    with the fix, empty where there is none; for Debian it is one of the source package.
    """

    component: Component
    advisory_id: str
    state: State
    status: RangeStatus = RangeStatus.OPEN
    fixed: str = ""


@dataclass(frozen=True)
class Knowledge:
    """Of which scopes advisories were imported, and how many.

    A component of any other scope has no data: that no advisory names it says nothing.
    """

    advisories: Mapping[Scope, int]

    def covers(self, component: Component) -> bool:
        """Whether anything was imported about what a component comes from."""
        return self.advisories.get(scope_of(component), 0) > 0


def knowledge_of(advisories: Iterable[Advisory]) -> Knowledge:
    """Return of which scopes some advisories speak."""
    counts: dict[Scope, int] = defaultdict(int)
    for advisory in advisories:
        for scope in {(each.ecosystem, each.suite) for each in advisory.ranges}:
            counts[scope] += 1
    return Knowledge(dict(counts))


def scope_of(component: Component) -> Scope:
    """Return the scope that advisories on a component would be of."""
    return component.ecosystem, _suite(component)


def package_of(component: Component) -> str:
    """Return the package advisories speak of: for Debian its source, if that is known."""
    debian = component.ecosystem is Ecosystem.DEBIAN
    return (component.source if debian else "") or component.name


def version_of(component: Component) -> str:
    """Return the version advisories speak of: for Debian its source's, if that is known."""
    debian = component.ecosystem is Ecosystem.DEBIAN
    return (component.source_version if debian else "") or component.version


_Key = tuple[Ecosystem, str, str]
_Decision = tuple[str, State, RangeStatus, str]


class RangeIndex:
    """Affected ranges by package; what was decided for a version of a package is remembered.

    `rows` are identifiers of advisories, each with one of its ranges, in any order.
    """

    def __init__(self, rows: Iterable[tuple[str, AffectedRange]]) -> None:
        self._ranges: dict[_Key, dict[str, list[AffectedRange]]] = {}
        for advisory_id, affected in rows:
            key = (affected.ecosystem, affected.suite, affected.package)
            self._ranges.setdefault(key, {}).setdefault(advisory_id, []).append(affected)
        self._decided: dict[tuple[_Key, str], tuple[_Decision, ...]] = {}

    def findings(
        self, component: Component, states: frozenset[State] = UNSETTLED
    ) -> Iterator[Finding]:
        """Yield what is known of a component, one finding for each advisory, of some states.

        Ask `Knowledge` as well: without data there is nothing to yield.
        """
        key = (component.ecosystem, _suite(component), package_of(component))
        for advisory_id, state, status, fixed in self._decisions(key, version_of(component)):
            if state in states:
                yield Finding(component, advisory_id, state, status, fixed)

    def _decisions(self, key: _Key, version: str) -> tuple[_Decision, ...]:
        known = self._decided.get((key, version))  # many binaries come from one source
        if known is None:
            ranges = self._ranges.get(key, {})
            known = tuple(_decide(name, ranges[name], version) for name in sorted(ranges))
            self._decided[key, version] = known
        return known


def index_of(advisories: Iterable[Advisory]) -> RangeIndex:
    """Return the ranges of some advisories by package."""
    return RangeIndex((advisory.id, each) for advisory in advisories for each in advisory.ranges)


def _decide(advisory_id: str, ranges: Iterable[AffectedRange], version: str) -> _Decision:
    decided = [(state_in(each, version), each) for each in ranges]
    state, affected = min(decided, key=lambda each: WORST_FIRST.index(each[0]))
    return advisory_id, state, affected.status, affected.fixed


def _suite(component: Component) -> str:
    return component.suite if component.ecosystem is Ecosystem.DEBIAN else ""
