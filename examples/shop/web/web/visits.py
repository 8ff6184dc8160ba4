"""Counts visits in PostgreSQL, by the kind of instance that answered."""

import os
import time
from collections import deque
from pathlib import Path

import pg8000.dbapi

_TABLE = "CREATE TABLE IF NOT EXISTS visits (kind text PRIMARY KEY, number bigint NOT NULL)"
_COUNT = (
    "INSERT INTO visits VALUES (%s, 1) ON CONFLICT (kind) DO UPDATE SET number = visits.number + 1"
)
_TOTAL = "SELECT kind, number FROM visits"
_LIMIT_SECONDS = 2
_PAUSE_SECONDS = 1.0
"""After a failure nobody tries again for so long: visitors shall not wait for what is not there."""


class CountingError(Exception):
    """The database cannot be asked; the message says why."""


class Visits:
    """The counter; connections are kept, and the health check opens the first one."""

    def __init__(self) -> None:
        self._connections: deque[pg8000.dbapi.Connection] = deque()
        self._failed_at = -_PAUSE_SECONDS

    def count(self, kind: str) -> dict[str, int]:
        """Count a visit and return how many there were of each kind; raises CountingError."""
        return self._ask(kind)

    def total(self) -> dict[str, int]:
        """Return how many visits there were of each kind; raises CountingError."""
        return self._ask(None)

    def _ask(self, kind: str | None) -> dict[str, int]:
        if not os.environ.get("DATABASE_HOST"):
            return {}
        if time.monotonic() < self._failed_at + _PAUSE_SECONDS:
            raise CountingError("the database did not answer a moment ago")
        try:
            connection = self._connections.pop() if self._connections else _connection()
            found = _answer(connection, kind)
        except (OSError, pg8000.dbapi.Error) as error:
            self._failed_at = time.monotonic()
            self._connections.clear()
            raise CountingError(f"the database does not answer: {error}") from error
        self._connections.append(connection)
        return found


def _answer(connection: pg8000.dbapi.Connection, kind: str | None) -> dict[str, int]:
    cursor = connection.cursor()
    if kind is not None:
        cursor.execute(_COUNT, (kind,))
    cursor.execute(_TOTAL)
    return {name: int(number) for name, number in cursor.fetchall()}


def _connection() -> pg8000.dbapi.Connection:
    password = Path(os.environ["CREDENTIALS_DIRECTORY"], "db_password").read_text().strip()
    connection = pg8000.dbapi.connect(
        "shop",
        host=os.environ["DATABASE_HOST"],
        database="postgres",
        password=password,
        timeout=_LIMIT_SECONDS,
    )
    connection.autocommit = True
    connection.cursor().execute(_TABLE)
    return connection


VISITS = Visits()
"""The one counter of this program."""
