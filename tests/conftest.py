"""Databases and stores of each kind, for whatever is kept in one; how long examples may take."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from postgresql import new_database, running
from s3_servers import S3Server, rclone, seaweedfs
from sqlalchemy import Engine

from herdbook.store.database import open_database

# How long one example takes is the machine's affair: others may work on it.
settings.register_profile("herdbook", deadline=None)
settings.load_profile("herdbook")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/herdbook.db"
    return new_database(request.getfixturevalue("postgresql"), f"test-{uuid4()}")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database of each kind, opened."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs") / "server") as server:
        yield server


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with rclone(tmp_path_factory.mktemp("rclone") / "server") as server:
        yield server
