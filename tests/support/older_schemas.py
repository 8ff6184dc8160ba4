"""Databases as an older Herdbook left them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine

from herdbook.store import (  # so that all tables are declared, whichever tests are run
    channel_schema,  # noqa: F401
    fleet_schema,  # noqa: F401
    gate_schema,  # noqa: F401
    migrations,
    people_schema,  # noqa: F401
)


def at_revision(url: str, revision: str) -> Engine:
    """Bring an empty database to an older schema; it is opened as it is, not migrated any more."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine
