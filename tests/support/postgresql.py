"""A PostgreSQL of the tests' own: in memory if that has room, no network, gone when they end."""

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
_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 2 << 30
"""Far more than a few databases take: others need some, too."""


def _program(name: str) -> str:
    """Return a program of the server's, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else name


def _memory() -> Path | None:
    """Where files are kept in memory: on a disk, thousands of small ones take their time to go."""
    has_room = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    return _MEMORY if has_room else None


@contextmanager
def running() -> Iterator[str]:
    """Give the URL of a server's databases, without their name, while the block lasts."""
    # Not where pytest keeps its folders: those are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="herdbook-postgresql-", dir=_memory()))
    user = _USER if os.geteuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"

    def call(*arguments: str | Path) -> None:
        subprocess.run(arguments, user=user, cwd=folder, check=True, capture_output=True)

    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=400"
    try:
        unsafe = ("--no-sync", "-A", "trust")  # it outlives no test
        call(_program("initdb"), "-D", data, "-U", "herdbook", "-E", "UTF8", *unsafe)
        call(_program("pg_ctl"), "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql://herdbook@/{{name}}?host={folder}"
        finally:
            call(_program("pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def new_database(server: str, name: str, copied: str = "template1") -> str:
    """Make a database and return its URL: an empty one, or a copy of one that nobody has open."""
    _say(server, f'CREATE DATABASE "{name}" TEMPLATE "{copied}"')
    return server.format(name=name)


def drop_database(server: str, name: str) -> None:
    """Remove a database, whoever has it open still."""
    _say(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _say(server: str, statement: str) -> None:
    address = server.format(name="postgres").replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
