"""The register of advisories in SQL, and what they say of the components there are."""

import difflib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, Row, false, func, select

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.store import schema
from herdbook.store.advisory_rows import key_of
from herdbook.store.advisory_spool import Spool, spooled
from herdbook.store.advisory_writing import AdvisoryWriter, count_scopes
from herdbook.store.chunks import chunks
from herdbook.store.component_matching import forget_matches, match_some
from herdbook.store.database import reading, writing
from herdbook.store.feed_writing import (
    add_statements,
    begin_feed,
    forget_feeds,
    read_feeds,
    read_opinions,
    replace_exploited,
)
from herdbook.store.finding_reading import (
    all_matched,
    find_components,
    read_advisories,
    read_findings,
)
from herdbook.trust.advisories import Advisory, Source
from herdbook.trust.feeds import Feed, FeedKind
from herdbook.trust.judging import Opinions
from herdbook.trust.matching import UNSETTLED, Knowledge, Scope
from herdbook.trust.ports import FeedOrigin, Import, ImportedFeed, KnownFinding
from herdbook.trust.ranges import State

_LOOKED_AT = 4000
_TYPED_WRONG = 4
"""Characters at the end of a name that may all be wrong."""


class SqlAdvisories:
    """Advisories in a database; every import is one transaction.

    What it means for components is found out after that. Until then they count as not matched,
    which whoever reads findings makes up for: so it does not matter where a program is killed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def import_feed(self, feed: Feed, origin: FeedOrigin) -> Import:
        """Keep what a feed says; see the port's promises.

        It is read to its end first: meanwhile others may write.
        """
        with spooled(feed.advisories) as spool:
            imported = ImportedFeed(
                kind=feed.kind,
                name=origin.name,
                imported_at=origin.imported_at,
                digest=origin.digest,
                count=spool.count + len(feed.exploited) + len(feed.statements),
                skipped=dict(feed.skipped),
            )
            with writing(self._engine) as connection:
                number = begin_feed(connection, imported)
                match feed.kind:
                    case FeedKind.EXPLOITED:
                        counts = replace_exploited(connection, feed.exploited)
                    case FeedKind.VEX:
                        counts = add_statements(connection, number, origin.name, feed.statements)
                    case _:
                        counts = _import(connection, number, imported, spool, whole=origin.whole)
                forget_feeds(connection, number, imported)
        self.match_new()
        return Import(imported, *counts)

    def feeds(self) -> list[ImportedFeed]:
        """Return the newest import of each feed that something is left of."""
        with reading(self._engine) as connection:
            return read_feeds(connection)

    def knowledge(self) -> Knowledge:
        """Return of which scopes advisories are known."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(schema.advisory_scopes))
            return Knowledge({_scope(row): row.advisories for row in rows})

    def held_scopes(self) -> dict[Scope, int]:
        """Return of which scopes there are components."""
        table = schema.components.c
        query = select(table.ecosystem, table.suite, func.count().label("components"))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(table.ecosystem, table.suite))
            return {_scope(row): row.components for row in rows}

    def match_new(self) -> int:
        """Hold components against advisories that were not yet."""
        table = schema.components.c
        query = select(table.id).where(table.matched == false()).limit(1)
        with reading(self._engine) as connection:
            if connection.execute(query).first() is None:
                return 0
        count = 0
        while True:  # in pieces, so that others may write in between
            with writing(self._engine) as connection:
                matched = match_some(connection)
            if not matched:
                return count
            count += matched

    def numbers_of(self, components: Iterable[Component]) -> dict[str, int]:
        """Return the numbers of components by package URL."""
        table = schema.components.c
        query = select(table.purl, table.id)
        with reading(self._engine) as connection:
            return {
                purl: number
                for chunk in chunks(each.purl for each in components)
                for purl, number in connection.execute(query.where(table.purl.in_(chunk)))
            }

    def findings_of(self, components: Iterable[int]) -> dict[int, tuple[KnownFinding, ...]]:
        """Return what was found of components, by number."""
        numbers = list(components)
        while True:
            with reading(self._engine) as connection:
                # Asked where findings are read: an import may just have outdated them.
                if all_matched(connection, numbers):
                    return read_findings(connection, numbers)
            self.match_new()

    def components_with(
        self, name: str, states: frozenset[State] = UNSETTLED
    ) -> dict[int, KnownFinding]:
        """Return the components of which a vulnerability is known, by number."""
        with reading(self._engine) as connection:
            return find_components(connection, name, states)

    def advisories(self, name: str) -> list[Advisory]:
        """Return all advisories on a vulnerability."""
        with reading(self._engine) as connection:
            return read_advisories(connection, name)

    def nearest_names(self, wrong: str, limit: int = 3) -> list[str]:
        """Return the names of vulnerabilities that are most like one nobody knows."""
        table, key = schema.advisory_names.c, key_of(wrong)
        begins = table.key.startswith(
            key[: max(_TYPED_WRONG, len(key) - _TYPED_WRONG)], autoescape=True
        )
        ends = table.key.endswith(key[-_TYPED_WRONG:], autoescape=True)
        as_long = func.length(table.key) == len(key)
        names: dict[str, str] = {}
        with reading(self._engine) as connection:
            for alike in (begins & as_long, ends & as_long, begins, ends):
                query = select(table.key, table.name).where(alike).order_by(table.key)
                for row in connection.execute(query.distinct().limit(_LOOKED_AT)):
                    names[row.key] = row.name
        return [names[each] for each in difflib.get_close_matches(key, names, n=limit)]

    def opinions(self) -> Opinions:
        """Return all statements, and what is known to be exploited."""
        with reading(self._engine) as connection:
            return read_opinions(connection)


def _import(
    connection: Connection, number: int, imported: ImportedFeed, spool: Spool, *, whole: bool
) -> tuple[int, int, int]:
    source = Source(imported.kind.value)
    writer = AdvisoryWriter(connection, number, source)
    for lines in spool.chunks():
        writer.add(lines)
    if whole and source is Source.DEBIAN:
        writer.remove_rest()
    elif whole:
        writer.remove_rest_of(spool.alone)
    if writer.touched:
        count_scopes(connection)
        forget_matches(connection, writer.touched)
    return writer.added, writer.changed, writer.removed


def _scope(row: Row[Any]) -> Scope:
    return Ecosystem(row.ecosystem), row.suite
