"""Opens the database and brings it to the present schema."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from herdbook.core.errors import ConflictError, InvalidInputError, NoSpaceError

REVISION = "0001"
"""The newest migration; a test holds it against the migrations folder."""

_BUSY_SECONDS = 30
_MAXIMUM_IDENTITY = 2**31 - 1


def open_database(url: str) -> Engine:
    """Open a database by its URL, made or migrated if need be.

    Raises InvalidInputError where it cannot be opened, ConflictError where a newer Herdbook has
    written it.
    """
    if url.startswith("sqlite:///"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    try:
        with engine.connect() as connection:
            _migrate(connection)
    except OperationalError as error:
        if "disk is full" in str(error):
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
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transaction is kept if the block ends well, and else undone.

    Raises NoSpaceError where the disk is full, ConflictError where others write for too long.
    """
    try:
        with engine.begin() as connection:
            _wait_for_turn(connection)
            yield connection
    except OperationalError as error:
        if "is full" in str(error):
            raise NoSpaceError("There is no space left for the database") from error
        raise ConflictError(
            f"The database cannot be written: {error.orig}", hint="Try again in a moment."
        ) from error


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    if cursor.execute("PRAGMA user_version").fetchone() == (0,):
        # Tells this database from any other, also from one made anew in the same place. It is set
        # before WAL mode, so that it stands in the file's own header, where stamps look for it.
        cursor.execute(f"PRAGMA user_version={1 + secrets.randbelow(_MAXIMUM_IDENTITY)}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _wait_for_turn(connection: Connection) -> None:
    """Become the only writer before anything is read that a decision to write hangs on."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


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
