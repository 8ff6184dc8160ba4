"""Holds the components there are against advisories, and keeps what that gives."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import islice

from sqlalchemy import Connection, delete, false, func, select, true, update

from herdbook.catalogue.components import Component
from herdbook.store import schema
from herdbook.store.advisory_rows import Values, insert_rows, ranges_of
from herdbook.store.chunks import chunks
from herdbook.trust.matching import RangeIndex, package_of

_AT_ONCE = 2000
_ROWS = 5000

_Numbered = list[tuple[int, Component]]


def forget_matches(connection: Connection, touched: Collection[tuple[str, str]]) -> None:
    """Have the components of some packages matched again, of which something new is said.

    `touched` are ecosystems and packages.
    """
    table, found = schema.components, schema.findings
    rows = connection.execute(select(table).where(table.c.matched == true()))
    outdated = [
        row.id for row in rows if (row.ecosystem, package_of(schema.component_of(row))) in touched
    ]
    for chunk in chunks(outdated):
        connection.execute(delete(found).where(found.c.component_id.in_(chunk)))
        connection.execute(update(table).where(table.c.id.in_(chunk)).values(matched=false()))


def match_some(connection: Connection) -> int:
    """Match some of the components that are not yet; return how many, none if all are."""
    table = schema.components
    package = func.coalesce(func.nullif(table.c.source, ""), table.c.name)
    waiting = select(table).where(table.c.matched == false())
    together = waiting.order_by(table.c.ecosystem, package, table.c.id).limit(_AT_ONCE)
    packages: dict[str, dict[str, _Numbered]] = defaultdict(lambda: defaultdict(list))
    numbers = []
    for row in connection.execute(together):
        component = schema.component_of(row)
        packages[row.ecosystem][package_of(component)].append((row.id, component))
        numbers.append(row.id)
    for ecosystem, components in packages.items():
        for names in chunks(components):
            _match(connection, ecosystem, {name: components[name] for name in names})
    for chunk in chunks(numbers):
        connection.execute(update(table).where(table.c.id.in_(chunk)).values(matched=true()))
    return len(numbers)


def _match(connection: Connection, ecosystem: str, packages: dict[str, _Numbered]) -> None:
    ranges = schema.affected_ranges
    query = select(ranges).where(ranges.c.ecosystem == ecosystem, ranges.c.package.in_(packages))
    index = RangeIndex(ranges_of(connection.execute(query)))
    rows = _findings(index, packages)
    while values := list(islice(rows, _ROWS)):
        insert_rows(connection, schema.findings, values)


def _findings(index: RangeIndex, packages: dict[str, _Numbered]) -> Iterator[Values]:
    for components in packages.values():
        for number, component in components:
            for finding in index.findings(component):
                yield {
                    "component_id": number,
                    "advisory_id": int(finding.advisory_id),
                    "state": finding.state.value,
                    "status": finding.status.value,
                    "fixed": finding.fixed,
                }
