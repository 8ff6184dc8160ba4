"""Finds what is offered of the sources that a campaign is about: versions, and where they are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key, partial
from typing import NamedTuple

from herdbook.actions.find_python import PYTHON_SOURCE, python_versions
from herdbook.campaigns.model import Target
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.version_order import compare_versions


@dataclass(frozen=True)
class Offer:
    """What there is of a source, in a suite of Debian or in none; `held` are older versions."""

    source: str
    suite: str
    held: tuple[str, ...]
    offered: str
    pocket: str


class _Source(NamedTuple):
    ecosystem: Ecosystem
    name: str
    suite: str


def offers_of(held: Iterable[Component], targets: Sequence[Target]) -> tuple[Offer, ...]:
    """Return the versions of sources that images hold, and what is newer."""
    older: dict[_Source, set[str]] = defaultdict(set)
    newer: dict[_Source, dict[str, str]] = defaultdict(dict)
    for source, before, after, pocket in _pairs(held, targets):
        older[source].add(before)
        newer[source][after] = pocket
    return tuple(_offer(source, older[source], newer[source]) for source in sorted(older))


def targets_of(targets: Sequence[Target], sources: Iterable[str]) -> tuple[Offer, ...]:
    """Return where a campaign takes its sources; what was held before is not known any more."""
    wanted, python = set(sources), python_versions(targets)
    newer: dict[_Source, dict[str, str]] = defaultdict(dict)
    for target in targets:
        for package in target.packages:
            if package.source in wanted:
                source = _Source(Ecosystem.DEBIAN, package.source, target.suite)
                newer[source][package.source_version] = package.pocket
    for name in wanted:
        for version in (
            python.get(name.removeprefix(PYTHON_SOURCE), ())
            if name.startswith(PYTHON_SOURCE)
            else ()
        ):
            newer[_Source(Ecosystem.PYTHON, name, "")][version] = ""
    return tuple(_offer(source, (), newer[source]) for source in sorted(newer))


def _pairs(
    held: Iterable[Component], targets: Sequence[Target]
) -> Iterator[tuple[_Source, str, str, str]]:
    """Yield sources with an older version, a newer one and the pocket that this is in."""
    packages = {(each.suite, found.name): found for each in targets for found in each.packages}
    python = python_versions(targets)
    for component in held:
        if component.ecosystem is Ecosystem.PYTHON:
            source = _Source(component.ecosystem, f"{PYTHON_SOURCE}{component.name}", "")
            for version in python.get(component.name, ()):
                yield source, component.version, version, ""
            continue
        package = packages.get((component.suite, component.name))
        if package is None:
            continue
        name = component.source or component.name
        before, after = component.source_version or component.version, package.source_version
        if before == after:  # only built again
            before, after = component.version, package.version
        yield _Source(component.ecosystem, name, component.suite), before, after, package.pocket


def _offer(source: _Source, held: Iterable[str], newer: Mapping[str, str]) -> Offer:
    key = cmp_to_key(partial(_order, source.ecosystem))
    last = max(sorted(newer), key=key)
    older = tuple(sorted(sorted(held), key=key))
    return Offer(source.name, source.suite, older, last, newer[last])


def _order(ecosystem: Ecosystem, one: str, other: str) -> int:
    return compare_versions(ecosystem, one, other) or 0
