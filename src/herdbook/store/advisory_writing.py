"""Writes advisories: what is said again costs next to nothing, what is said no more disappears."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    distinct,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from herdbook.core.digests import of_bytes
from herdbook.store import schema
from herdbook.store.advisory_rows import (
    Values,
    advisory_values,
    insert_rows,
    name_values,
    range_values,
)
from herdbook.store.advisory_spool import advisory_in
from herdbook.store.chunks import chunks
from herdbook.trust.advisories import Source
from herdbook.trust.matching import Scope


@dataclass
class AdvisoryWriter:
    """Writes the advisories of one feed, in one transaction.

    `touched` are the ecosystems and packages of which something else is said than before.
    """

    connection: Connection
    feed: int
    source: Source
    added: int = 0
    changed: int = 0
    removed: int = 0
    touched: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        highest = select(func.max(schema.advisories.c.id))
        self._next = (self.connection.execute(highest).scalar() or 0) + 1

    def add(self, lines: Mapping[str, bytes]) -> None:
        """Keep advisories, given as lines of a spool by identifier; one without ranges goes."""
        table = schema.advisories
        query = select(table.c.name, table.c.id, table.c.digest).where(
            table.c.source == self.source.value, table.c.name.in_(lines)
        )
        known = {name: (number, said) for name, number, said in self.connection.execute(query)}
        digests = {name: of_bytes(line) for name, line in lines.items()}
        same = {number for name, (number, said) in known.items() if said == digests[name]}
        self.connection.execute(update(table).where(table.c.id.in_(same)).values(feed_id=self.feed))
        others = {number for number, _ in known.values()} - same
        self._delete(others)
        rows: list[Values] = []
        ranges: list[Values] = []
        names: list[Values] = []
        for name, line in lines.items():
            if name in known and known[name][0] in same:
                continue
            advisory = advisory_in(line)
            if not advisory.ranges:
                self.removed += name in known
                continue
            self.changed += name in known
            self.added += name not in known
            number = known[name][0] if name in known else self._number()
            rows.append(advisory_values(advisory, number, self.feed, digests[name]))
            ranges += range_values(advisory, number)
            names += name_values(advisory, number)
        self.touched |= {(each["ecosystem"], each["package"]) for each in ranges}
        for target, values in (
            (table, rows),
            (schema.affected_ranges, ranges),
            (schema.advisory_names, names),
        ):
            insert_rows(self.connection, target, values)

    def remove_rest(self) -> None:
        """Remove what the source said before and this feed did not say again."""
        unsaid = list(self.connection.execute(select(schema.advisories.c.id).where(self._unsaid())))
        numbers = [number for (number,) in unsaid]
        self.removed += len(numbers)
        for chunk in chunks(numbers):
            self._delete(chunk)

    def remove_rest_of(self, scopes: Collection[Scope]) -> None:
        """Take back what the source said of some scopes and this feed did not say again.

        An advisory stays with what it says of other scopes.
        """
        ranges, table = schema.affected_ranges, schema.advisories
        within = tuple_(ranges.c.ecosystem, ranges.c.suite).in_(
            [(ecosystem.value, suite) for ecosystem, suite in scopes]
        )
        query = select(table.c.id).join(ranges).where(self._unsaid(), within).distinct()
        for chunk in chunks(self.connection.execute(query).scalars()):
            self._touch(chunk)
            here = ranges.c.advisory_id.in_(chunk)
            self.connection.execute(delete(ranges).where(here, within))
            # It says less now than its digest stands for: the same again is news.
            part = update(table).where(table.c.id.in_(chunk)).values(digest=None)
            self.connection.execute(part)
            left = select(literal(1)).where(ranges.c.advisory_id == table.c.id).exists()
            gone = delete(table).where(table.c.id.in_(chunk), ~left)
            self.removed += self.connection.execute(gone).rowcount

    def _unsaid(self) -> ColumnElement[bool]:
        table = schema.advisories.c
        return (table.source == self.source.value) & (table.feed_id != self.feed)

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _delete(self, numbers: Collection[int]) -> None:
        if numbers:
            self._touch(numbers)
            table = schema.advisories
            self.connection.execute(delete(table).where(table.c.id.in_(numbers)))

    def _touch(self, numbers: Iterable[int]) -> None:
        ranges = schema.affected_ranges.c
        query = select(ranges.ecosystem, ranges.package).where(ranges.advisory_id.in_(numbers))
        rows = self.connection.execute(query.distinct())
        self.touched |= {(row.ecosystem, row.package) for row in rows}


def count_scopes(connection: Connection) -> None:
    """Count anew of which scopes there are advisories."""
    table, ranges = schema.advisory_scopes, schema.affected_ranges.c
    connection.execute(delete(table))
    counted = select(
        ranges.ecosystem, ranges.suite, func.count(distinct(ranges.advisory_id))
    ).group_by(ranges.ecosystem, ranges.suite)
    connection.execute(insert(table).from_select(["ecosystem", "suite", "advisories"], counted))
