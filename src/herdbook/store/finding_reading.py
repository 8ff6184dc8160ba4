"""Reads what was found of components, and finds those that a vulnerability is about."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, Select, false, or_, select

from herdbook.catalogue.components import Component
from herdbook.store import schema
from herdbook.store.advisory_rows import advisories_by_number, key_of, ranges_of
from herdbook.store.chunks import chunks
from herdbook.trust.advisories import Advisory, RangeStatus
from herdbook.trust.matching import Finding, RangeIndex
from herdbook.trust.ports import KnownFinding
from herdbook.trust.ranges import WORST_FIRST, State


def all_matched(connection: Connection, components: Iterable[int]) -> bool:
    """Tell whether components were all held against the advisories there are."""
    table = schema.components.c
    query = select(table.id).where(table.matched == false()).limit(1)
    return not any(
        connection.execute(query.where(table.id.in_(chunk))).first() for chunk in chunks(components)
    )


def read_findings(
    connection: Connection, components: Collection[int]
) -> dict[int, tuple[KnownFinding, ...]]:
    """Return what was found of components, by number; one that is not there is left out."""
    table, held = schema.findings, schema.components
    rows: list[Row[Any]] = []
    known: dict[int, Component] = {}
    for chunk in chunks(components):
        rows += connection.execute(select(table).where(table.c.component_id.in_(chunk))).all()
        for row in connection.execute(select(held).where(held.c.id.in_(chunk))):
            known[row.id] = schema.component_of(row)
    advisories = advisories_by_number(connection, {row.advisory_id for row in rows})
    found: dict[int, list[KnownFinding]] = {number: [] for number in known}
    for row in rows:
        advisory = advisories[row.advisory_id]
        finding = Finding(
            component=known[row.component_id],
            advisory_id=advisory.id,
            state=State(row.state),
            status=RangeStatus(row.status),
            fixed=row.fixed,
        )
        found[row.component_id].append(KnownFinding(finding, advisory))
    return {number: tuple(sorted(each, key=_by_name)) for number, each in found.items()}


def find_components(
    connection: Connection, name: str, states: frozenset[State]
) -> dict[int, KnownFinding]:
    """Return the components that advisories on a vulnerability find in some states, by number.

    They are matched anew: what is settled is not kept anywhere.
    """
    numbers = _numbers(connection, name)
    ranges = _ranges(connection, numbers)
    index = RangeIndex(ranges_of(ranges))
    advisories = advisories_by_number(connection, numbers)
    found = {}
    for number, component in _components(connection, ranges):
        known = [
            KnownFinding(replace(each, advisory_id=advisory.id), advisory)
            for each in index.findings(component, frozenset(State))
            for advisory in [advisories[int(each.advisory_id)]]
        ]
        worst = min(known, key=lambda each: WORST_FIRST.index(each.state), default=None)
        if worst is not None and worst.state in states:
            found[number] = worst
    return found


def read_advisories(connection: Connection, name: str) -> list[Advisory]:
    """Return all advisories on a vulnerability, with their ranges."""
    numbers = _numbers(connection, name)
    ranges = defaultdict(list)
    for number, affected in ranges_of(_ranges(connection, numbers)):
        ranges[int(number)].append(affected)
    found = advisories_by_number(connection, numbers)
    whole = (replace(each, ranges=tuple(ranges[number])) for number, each in found.items())
    return sorted(whole, key=lambda each: (each.source, each.id))


def _by_name(known: KnownFinding) -> tuple[str, str]:
    return known.advisory.id, known.advisory.source


def _numbers(connection: Connection, name: str) -> list[int]:
    """Return the numbers of the advisories on a vulnerability."""
    table = schema.advisory_names.c
    query = select(table.advisory_id).where(table.key == key_of(name))
    return list(connection.execute(query).scalars())


def _ranges(connection: Connection, numbers: Iterable[int]) -> list[Row[Any]]:
    table = schema.affected_ranges
    query = select(table).order_by(table.c.advisory_id, table.c.position)
    return [
        row
        for chunk in chunks(numbers)
        for row in connection.execute(query.where(table.c.advisory_id.in_(chunk)))
    ]


def _components(connection: Connection, ranges: Iterable[Row[Any]]) -> list[tuple[int, Component]]:
    """Return the components of packages that ranges are of, by number."""
    packages: dict[str, set[str]] = defaultdict(set)
    for row in ranges:
        packages[row.ecosystem].add(row.package)
    found: dict[int, Component] = {}
    for ecosystem, names in packages.items():
        for chunk in chunks(names):
            rows = connection.execute(_called(ecosystem, chunk))
            found |= {row.id: schema.component_of(row) for row in rows}
    return sorted(found.items(), key=lambda each: each[0])


def _called(ecosystem: str, names: list[str]) -> Select[Any]:
    table = schema.components
    called = or_(table.c.name.in_(names), table.c.source.in_(names))
    return select(table).where(table.c.ecosystem == ecosystem, called)
