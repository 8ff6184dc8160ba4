"""Opens the database and brings it to the present schema."""

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
            f"The database cannot be opened: {error.orig}",
            hint="Check HERDBOOK_DATABASE and the state directory's owner.",
        ) from error
    except DBAPIError as error:
        raise InvalidInputError(f"This is not Herdbook's database: {error.orig}") from error
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose transaction is kept if the block ends well, and else undone.

    Raises NoSpaceError where the disk is full, ConflictError where others write for too long.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except OperationalError as error:
        if "is full" in str(error):
            raise NoSpaceError("There is no space left for the database") from error
        raise ConflictError(
            f"The database cannot be written: {error.orig}", hint="Try again in a moment."
        ) from error


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    present = _present_revision(connection)
    if present == REVISION:
        return
    if present is not None and present > REVISION:
        raise ConflictError(
            f"A newer Herdbook has written this database (schema {present})",
            hint="Upgrade Herdbook on this machine.",
        )
    # Alembic takes a quarter of a second to import, which only a migration should cost.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


def _present_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    connection.rollback()
    return str(revision) if revision else None
