"""A PostgreSQL of the tests' own: in a folder, without a network, gone when they end."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

_USER = "nobody"  # PostgreSQL refuses to run as root


def _program(name: str) -> str:
    """Return a program of the server's, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else name


@contextmanager
def running() -> Iterator[str]:
    """Give the URL of a server's databases, without their name, while the block lasts."""
    # Not where pytest keeps its folders: those are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="herdbook-postgresql-"))
    user = _USER if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"

    def call(*arguments: str | Path) -> None:
        subprocess.run(arguments, user=user, cwd=folder, check=True, capture_output=True)

    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=400"
    try:
        call(_program("initdb"), "-D", data, "-U", "herdbook", "-A", "trust", "-E", "UTF8")
        call(_program("pg_ctl"), "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql://herdbook@/{{name}}?host={folder}"
        finally:
            call(_program("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(server: str, name: str) -> str:
    """Make an empty database and return its URL."""
    address = server.format(name="postgres").replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return server.format(name=name)
