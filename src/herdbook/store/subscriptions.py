"""Subscriptions in SQL: who is told of what, and how far they are."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, and_, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError
from herdbook.notifications.model import Course, Kind, Subscription
from herdbook.store.audit import SqlAudit
from herdbook.store.channel_schema import subscriptions
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc


class SqlSubscriptions:
    """Subscriptions in a database."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def every(self) -> list[tuple[Subscription, Course]]:
        """Return all, by their names, with how far they are."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(subscriptions).order_by(subscriptions.c.name))
            return [(_subscription(row), _course(row)) for row in rows]

    def add(self, subscription: Subscription, entry: Entry, at: datetime) -> None:
        """Keep one, which is told of what comes after it."""
        with writing(self._engine) as connection:
            record = self._audit.write(connection, entry, at)
            values = {**asdict(subscription), "verbs": list(subscription.verbs)}
            values |= {"kind": subscription.kind.value, **_values(Course(record.number))}
            try:
                connection.execute(insert(subscriptions).values(**values))
            except IntegrityError as error:
                raise ConflictError(
                    f"There is a subscription {subscription.name} already",
                    hint=f"Remove it first: herdbook notify rm {subscription.name}",
                ) from error

    def remove(self, name: str, entry: Entry, at: datetime) -> bool:
        """Remove one; tell whether it was there."""
        with writing(self._engine) as connection:
            mine = delete(subscriptions).where(subscriptions.c.name == name)
            if not connection.execute(mine).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def keep(self, subscription: Subscription, before: Course, after: Course) -> bool:
        """Keep how far one is, if it is as it was before; tell whether it was."""
        columns = subscriptions.c
        mine = and_(
            columns.name == subscription.name,
            columns.address == subscription.address,
            columns.secret == subscription.secret,
            columns.number == before.number,
        )
        with writing(self._engine) as connection:
            query = update(subscriptions).where(mine).values(**_values(after))
            return bool(connection.execute(query).rowcount)


def _values(course: Course) -> dict[str, Any]:
    """Return the values of a row: SQLite forgets the zone of a time."""
    values = asdict(course)
    for name in ("again_at", "told_at"):
        values[name] = values[name].astimezone(UTC) if values[name] else None
    return values


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(
        row.name, Kind(row.kind), row.address, tuple(row.verbs), row.subjects, row.secret
    )


def _course(row: Row[Any]) -> Course:
    return Course(
        row.number,
        row.failures,
        in_utc(row.again_at) if row.again_at else None,
        row.trouble,
        row.given_up,
        in_utc(row.told_at) if row.told_at else None,
    )
