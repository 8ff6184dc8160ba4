"""Advisories as rows, and rows as advisories."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, insert, select

from herdbook.catalogue.components import Ecosystem
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.schema import NAME_LENGTH
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source

Values = dict[str, Any]
"""A row to be inserted, by column."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Insert rows, if there are any."""
    if rows:
        connection.execute(insert(table), rows)


def key_of(name: str) -> str:
    """Return what a vulnerability's name is searched by."""
    return name.casefold()


def advisory_values(advisory: Advisory, identity: int, feed: int, digest: str) -> Values:
    """Return the row of an advisory itself."""
    return {
        "id": identity,
        "source": advisory.source.value,
        "name": advisory.id,
        "feed_id": feed,
        "digest": digest,
        "aliases": advisory.aliases,
        "upstream": advisory.upstream,
        "summary": advisory.summary,
        "severity": advisory.severity,
        "published": advisory.published,
        "modified": advisory.modified,
    }


def range_values(advisory: Advisory, identity: int) -> Iterator[Values]:
    """Yield the rows of its ranges, without those whose package no component can be."""
    for position, each in enumerate(advisory.ranges):
        if len(each.package) <= NAME_LENGTH:
            yield {
                "advisory_id": identity,
                "position": position,
                "ecosystem": each.ecosystem.value,
                "package": each.package,
                "suite": each.suite,
                "introduced": each.introduced,
                "fixed": each.fixed,
                "last_affected": each.last_affected,
                "versions": each.versions,
                "status": each.status.value,
            }


def name_values(advisory: Advisory, identity: int) -> Iterator[Values]:
    """Yield the rows of all names it is found by."""
    names = {key_of(name): name for name in (*advisory.upstream, *advisory.aliases, advisory.id)}
    for key, name in names.items():
        if max(len(key), len(name)) <= NAME_LENGTH:
            yield {"key": key, "advisory_id": identity, "name": name}


def ranges_of(rows: Iterable[Row[Any]]) -> Iterator[tuple[str, AffectedRange]]:
    """Yield ranges with the numbers of their advisories, as text."""
    for row in rows:
        affected = AffectedRange(
            ecosystem=Ecosystem(row.ecosystem),
            package=row.package,
            suite=row.suite,
            introduced=row.introduced,
            fixed=row.fixed,
            last_affected=row.last_affected,
            versions=tuple(row.versions),
            status=RangeStatus(row.status),
        )
        yield str(row.advisory_id), affected


def advisories_by_number(connection: Connection, numbers: Iterable[int]) -> dict[int, Advisory]:
    """Return advisories without their ranges."""
    table = schema.advisories
    return {
        row.id: Advisory(
            id=row.name,
            source=Source(row.source),
            aliases=tuple(row.aliases),
            summary=row.summary,
            severity=row.severity,
            published=row.published,
            modified=row.modified,
            upstream=tuple(row.upstream),
        )
        for chunk in chunks(numbers)
        for row in connection.execute(select(table).where(table.c.id.in_(chunk)))
    }
