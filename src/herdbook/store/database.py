"""Opens the database and brings it to the present schema."""

import fcntl
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from weakref import finalize

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, InternalError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from herdbook.core.errors import ConflictError, InvalidInputError, NoSpaceError
from herdbook.store.fencing import FENCE, Fence, fence_of, limit_idleness, refuse_late

Database = Engine
"""What others hand from store to store, and know nothing of."""

REVISION = "0016"
"""The newest migration; a test holds it against the migrations folder."""

_BUSY_SECONDS = 30

_LIMITS = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A PostgreSQL whose machine is gone is found out within half a minute (libpq's own words)."""

_QUICK_SECONDS = 3
_KEPT = 2
"""So many connections to a PostgreSQL are kept; more are made where threads need them at once."""
_PAGE_BYTES = 16 << 10
"""Of the documents of a version, packed to 2 KB, a page of 4 KB holds only those of one."""

_CACHE_KIBIBYTES = 64 << 10
"""Indexes of digests are written all over: with SQLite's own 2 MB, a large transaction writes every
page many times."""
_MAXIMUM_IDENTITY = 2**31 - 1
_ADVISORY_LOCK = 0x68657264  # "herd": PostgreSQL's locks by number are shared by all its users


def is_shared(url: str) -> bool:
    """Tell whether servers of several state directories or machines may reach a database."""
    return url.startswith("postgres")


def open_database(url: str, fence: Fence | None = None) -> Engine:
    """Open a database by its URL, made or migrated if need be.

    A server's `fence` keeps out what it writes too late, where others may write, too. Raises
    InvalidInputError where it cannot be opened, ConflictError where a newer Herdbook has written
    it.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    try:
        with _alone(url), engine.connect() as connection:
            _migrate(connection)
    except OperationalError as error:
        if _is_full(error):
            raise NoSpaceError("There is no space left for the database") from error
        raise InvalidInputError(
            f"The database {engine.url} cannot be opened: {error.orig}",
            hint="Check HERDBOOK_DATABASE and the state directory's owner.",
        ) from error
    except DBAPIError as error:
        raise InvalidInputError(
            f"{engine.url} is not Herdbook's database: {error.orig}",
            hint="Name another one in HERDBOOK_DATABASE, or move it away: images can be built "
            "again from their locks.",
        ) from error
    return engine.execution_options(**{FENCE: fence}) if fence and is_shared(url) else engine


def quick_engine(url: str) -> Engine:
    """Return an engine for short questions to a PostgreSQL, which fail soon rather than wait."""
    connecting = {
        "connect_timeout": _QUICK_SECONDS,
        "tcp_user_timeout": _QUICK_SECONDS * 1000,
        "application_name": "herdbook duty",
    }
    engine = create_engine(
        _driver_url(url),
        pool_size=1,
        max_overflow=-1,
        pool_pre_ping=True,
        connect_args=connecting,
    )
    event.listen(engine, "connect", _set_up_quick)
    return _closed_in_the_end(engine)


def _closed_in_the_end(engine: Engine) -> Engine:
    """Have an engine's connections closed in order once nobody has it, or the program ends.

    Else a server would speak of connections lost, and SQLite leave a log beside the file.
    """
    kept: dict[int, DBAPIConnection] = {}

    def opened(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        kept[id(connection)] = connection

    def closed(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        kept.pop(id(connection), None)

    event.listen(engine, "connect", opened)
    event.listen(engine, "close", closed)
    finalize(engine, _close_all, kept)
    return engine


def _close_all(kept: dict[int, DBAPIConnection]) -> None:
    for connection in kept.values():
        connection.close()


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Keep other processes from opening the same file while this one does.

    SQLite does not wait where two of them bring a new database into WAL mode: one is told that it
    is locked. The lock is on a file beside it, never on its own (see store.stamps).
    """
    path = Path(url.removeprefix("sqlite:///"))
    with ExitStack() as stack:
        if url.startswith("sqlite:///"):
            with suppress(OSError):  # where nothing can be written, SQLite will tell it better
                file = stack.enter_context(path.with_name(f".{path.name}.opening").open("w"))
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _engine(url: str) -> Engine:
    try:
        if not is_shared(url):
            return _closed_in_the_end(create_engine(url))
        # To connect takes as long as ten questions. Those kept are asked whether they live.
        return _closed_in_the_end(
            create_engine(
                _driver_url(url),
                pool_size=_KEPT,
                max_overflow=-1,
                pool_pre_ping=True,
                connect_args=_LIMITS,
            )
        )
    except (ArgumentError, ValueError, ImportError) as error:
        raise InvalidInputError(
            f"HERDBOOK_DATABASE does not name a database: {error}",
            hint="Write postgresql://user@host/name, or leave it out for a file.",
        ) from error


def _driver_url(url: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees the database as it is at one moment, however often it is read."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")  # else every statement would be one of its own
        else:
            connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transaction is kept if the block ends well, and else undone.

    Raises NoSpaceError where the disk is full, ConflictError where others write for too long, or
    where this is a server that is not on duty any more.
    """
    try:
        with engine.begin() as connection:
            fence = fence_of(connection)
            if fence:
                limit_idleness(connection)
            _wait_for_turn(connection)
            if fence:
                refuse_late(connection, fence)
            yield connection
    except (OperationalError, InternalError) as error:  # the latter ends who idles
        if _is_full(error):
            raise NoSpaceError("There is no space left for the database") from error
        raise ConflictError(
            f"The database cannot be written: {error.orig}", hint="Try again in a moment."
        ) from error


def _is_full(error: DBAPIError) -> bool:
    return any(words in str(error) for words in ("is full", "No space left on device"))


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    if cursor.execute("PRAGMA user_version").fetchone() == (0,):
        cursor.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # of a new database; others keep theirs
        # Tells this database from any other, also from one made anew in the same place. It is set
        # before WAL mode, so that it stands in the file's own header, where stamps look for it.
        cursor.execute(f"PRAGMA user_version={1 + secrets.randbelow(_MAXIMUM_IDENTITY)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIBIBYTES}")
    cursor.close()


def _set_up_quick(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute(f"SET {name} = {_QUICK_SECONDS * 1000}")
    cursor.close()
    connection.commit()


def _wait_for_turn(connection: Connection) -> None:
    """Become the only writer before anything is read that a decision to write hangs on."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _migrate(connection: Connection) -> None:
    if _is_present(connection):
        return
    connection.rollback()
    _wait_for_turn(connection)
    if not _is_present(connection):  # nobody else migrated it while we waited
        _upgrade(connection)
    connection.commit()


def _upgrade(connection: Connection) -> None:
    # Alembic takes a quarter of a second to import, which only a migration should cost.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_present(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and str(found) > REVISION:
        raise ConflictError(
            f"A newer Herdbook has written this database (schema {found})",
            hint="Upgrade Herdbook on this machine.",
        )
    return found == REVISION
