"""Writes what feeds say besides advisories, and which feeds were imported."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from herdbook.core.digests import Digest
from herdbook.store import schema
from herdbook.store.advisory_spool import require_name
from herdbook.store.moments import in_utc
from herdbook.trust.advisories import Exploited, Product, Statement, VexStatus
from herdbook.trust.feeds import FeedKind
from herdbook.trust.judging import Opinions
from herdbook.trust.ports import ImportedFeed


def begin_feed(connection: Connection, imported: ImportedFeed) -> int:
    """Note that a feed is imported, and return the number of this import, higher than any other."""
    table = schema.feeds
    values = {
        "kind": imported.kind.value,
        "name": imported.name,
        "imported_at": imported.imported_at.astimezone(UTC),
        "digest": imported.digest,
        "count": imported.count,
        "skipped": dict(imported.skipped),
    }
    query = insert(table).values(values).returning(table.c.id)
    return int(connection.execute(query).scalar_one())


def forget_feeds(connection: Connection, feed: int, imported: ImportedFeed) -> None:
    """Forget the imports that this one replaces: nothing they said is left, or it said it again.

    Statements go with the feed that made them.
    """
    table, said = schema.feeds, schema.advisories.c.feed_id
    older = delete(table).where(table.c.kind == imported.kind.value, table.c.id != feed)
    connection.execute(older.where(table.c.name == imported.name))
    if imported.kind is FeedKind.EXPLOITED:
        connection.execute(older)
    elif imported.kind is not FeedKind.VEX:
        connection.execute(older.where(table.c.id.not_in(select(said).distinct())))


def replace_exploited(connection: Connection, listed: Iterable[Exploited]) -> tuple[int, int, int]:
    """Keep the list of exploited vulnerabilities; return how many are new, changed and gone."""
    table = schema.exploited
    before = {row.id: tuple(row) for row in connection.execute(select(table))}
    now = {each.id: (each.id, each.added, each.due, each.name) for each in listed}
    for name in now:
        require_name(name)
    connection.execute(delete(table))
    if now:
        columns = table.c.keys()
        rows = [dict(zip(columns, values, strict=True)) for values in now.values()]
        connection.execute(insert(table), rows)
    changed = sum(before[name] != now[name] for name in before.keys() & now.keys())
    return len(now.keys() - before.keys()), changed, len(before.keys() - now.keys())


def add_statements(
    connection: Connection, feed: int, name: str, said: Iterable[Statement]
) -> tuple[int, int, int]:
    """Keep the statements of a feed; return how many are new and how many will be gone."""
    now = list(said)
    before = _statements(connection, name)
    rows = [
        {
            "feed_id": feed,
            "position": position,
            "vulnerabilities": each.vulnerabilities,
            "products": [[product.identifier, product.subcomponents] for product in each.products],
            "status": each.status.value,
            "timestamp": each.timestamp,
            "author": each.author,
            "justification": each.justification,
            "explanation": each.explanation,
        }
        for position, each in enumerate(now)
    ]
    if rows:
        connection.execute(insert(schema.statements), rows)
    return len(set(now) - before), 0, len(before - set(now))


def read_opinions(connection: Connection) -> Opinions:
    """Return all statements and all that is known to be exploited."""
    table = schema.exploited
    listed = [Exploited(**row) for row in connection.execute(select(table)).mappings()]
    return Opinions(_in_order(connection), listed)


def read_feeds(connection: Connection) -> list[ImportedFeed]:
    """Return the feeds that were imported, by kind and name."""
    table = schema.feeds
    query = select(table).order_by(table.c.kind, table.c.name)
    return [_feed(row) for row in connection.execute(query)]


def _feed(row: Row[Any]) -> ImportedFeed:
    skipped: Mapping[str, int] = row.skipped
    return ImportedFeed(
        kind=FeedKind(row.kind),
        name=row.name,
        imported_at=in_utc(row.imported_at),
        digest=Digest(row.digest),
        count=row._mapping["count"],  # noqa: SLF001 - a row's own `count` is a method
        skipped=skipped,
    )


def _in_order(connection: Connection) -> list[Statement]:
    table = schema.statements
    query = select(table).order_by(table.c.feed_id, table.c.position)
    return [_statement(row) for row in connection.execute(query)]


def _statements(connection: Connection, name: str) -> set[Statement]:
    """Return the statements of earlier imports under a name."""
    table = schema.statements
    query = select(table).join(schema.feeds).where(schema.feeds.c.name == name)
    return {_statement(row) for row in connection.execute(query)}


def _statement(row: Row[Any]) -> Statement:
    return Statement(
        vulnerabilities=tuple(row.vulnerabilities),
        products=tuple(Product(name, tuple(inside)) for name, inside in row.products),
        status=VexStatus(row.status),
        timestamp=row.timestamp,
        author=row.author,
        justification=row.justification,
        explanation=row.explanation,
    )
