"""The register of exceptions in SQL."""

from dataclasses import asdict
from datetime import UTC
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.channels.exceptions import GateException
from herdbook.core.errors import ConflictError
from herdbook.store.audit import SqlAudit
from herdbook.store.database import reading, writing
from herdbook.store.gate_schema import gate_exceptions as table
from herdbook.store.moments import in_utc

_LOOK = "See which there are: herdbook exception ls"


class SqlExceptions:
    """Exceptions in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def exceptions(self) -> list[GateException]:
        """Return all of them, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.number))
            return [_exception(row) for row in rows]

    def add_exception(self, exception: GateException, entry: Entry) -> None:
        """Keep one; raises ConflictError where its number was taken meanwhile."""
        with writing(self._engine) as connection:
            newest = connection.execute(select(func.max(table.c.number))).scalar_one()
            if exception.number != (newest or 0) + 1:
                raise ConflictError(
                    "Somebody has added another exception meanwhile",
                    hint=f"{_LOOK}, and run the same command again.",
                )
            connection.execute(insert(table).values(**_row(exception)))
            self._audit.write(connection, entry, exception.at)

    def end_exception(self, exception: GateException, entry: Entry) -> None:
        """Keep that one was ended; raises ConflictError where it was ended before."""
        row = _row(exception)
        ended = {name: row[name] for name in ("ended_at", "ended_by")}
        query = update(table).where(table.c.number == exception.number, table.c.ended_at.is_(None))
        with writing(self._engine) as connection:
            if not connection.execute(query.values(**ended)).rowcount:
                raise ConflictError(f"Exception {exception.number} was ended before", hint=_LOOK)
            self._audit.write(connection, entry, exception.ended_at or exception.at)


def _row(exception: GateException) -> dict[str, Any]:
    times = {name: getattr(exception, name) for name in ("at", "until", "ended_at")}
    in_zone = {name: each.astimezone(UTC) if each else None for name, each in times.items()}
    return {**asdict(exception), **in_zone}


def _exception(row: Row[Any]) -> GateException:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    times = {name: in_utc(values[name]) for name in ("at", "until")}
    ended_at = in_utc(values["ended_at"]) if values["ended_at"] else None
    return GateException(**{**values, **times, "ended_at": ended_at})
