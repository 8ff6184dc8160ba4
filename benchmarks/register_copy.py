"""Copies a register that was filled in SQLite into an empty PostgreSQL: by COPY, table by table."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

from psycopg import Connection as Raw
from sqlalchemy import Column, Connection, Engine, Table, func, select, text

from herdbook.store.database import open_database
from herdbook.store.schema import metadata

_AT_ONCE = 10_000


def copy_register(source: str, target: str) -> None:
    """Copy all that is kept at one URL to another one, in whose tables nothing stays."""
    one, two = open_database(source), open_database(target)
    with one.connect() as reading, two.begin() as writing:
        writing.execute(text("SET session_replication_role = replica"))  # no order of tables
        for table in metadata.tables.values():
            writing.execute(table.delete())
            _copy(reading, writing, two, table)
        writing.execute(text("SET session_replication_role = DEFAULT"))
    one.dispose()
    two.dispose()


def _copy(reading: Connection, writing: Connection, engine: Engine, table: Table) -> None:
    adapt = [_adapting(column, engine) for column in table.columns]
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    raw = cast(Raw, writing.connection.driver_connection)
    with raw.cursor().copy(f'COPY "{table.name}" ({names}) FROM STDIN'.encode()) as copying:
        for row in _rows(reading, table):
            copying.write_row([to(value) for to, value in zip(adapt, row, strict=True)])
    counted = table.autoincrement_column
    if counted is not None:  # the next number comes after those that were copied
        given = func.pg_get_serial_sequence(table.name, counted.name)
        newest = select(func.setval(given, func.max(counted))).where(given.is_not(None))
        writing.execute(newest)


def _rows(reading: Connection, table: Table) -> Iterator[Any]:
    with reading.execution_options(yield_per=_AT_ONCE).execute(select(table)) as rows:
        yield from rows


def _adapting(column: Column[Any], engine: Engine) -> Callable[[Any], Any]:
    """Return what makes of a value that was read one that PostgreSQL takes."""
    bind = column.type.dialect_impl(engine.dialect).bind_processor(engine.dialect)

    def adapt(value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
        return bind(value) if bind else value

    return adapt
