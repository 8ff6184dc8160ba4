"""What has the machine to itself; databases and stores of each kind; how long examples may take."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from postgresql import drop_database, new_database, running
from s3_servers import S3Server, rclone, seaweedfs
from sqlalchemy import Engine

from herdbook.store.database import open_database

# How long one example takes is the machine's affair: others may work on it.
settings.register_profile("herdbook", deadline=None)
settings.load_profile("herdbook")


_ALONE_FOLDERS = [Path(__file__).parent / name for name in ("end_to_end", "example_catalogue")]
_ALONE_MARKERS = ("podman", "qemu")


@pytest.hookimpl(tryfirst=True)  # before `-m alone` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What works on this whole machine has it to itself, as has whatever else asks for it."""
    for item in items:
        if item.path.parent in _ALONE_FOLDERS or any(map(item.get_closest_marker, _ALONE_MARKERS)):
            item.add_marker("alone")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    with running() as server:
        yield server


@pytest.fixture(scope="module")
def opened_once(postgresql: str) -> str:
    """The name of a database that is made already, to be copied in a tenth of the time."""
    open_database(new_database(postgresql, "opened-once")).dispose()
    return "opened-once"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind; where it is for `engine`, without records but made."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/herdbook.db"
        return
    server, name = request.getfixturevalue("postgresql"), f"test-{uuid4()}"
    opened = "engine" in request.fixturenames
    copied = request.getfixturevalue("opened_once") if opened else "template1"
    yield new_database(server, name, copied)
    drop_database(server, name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database of each kind without any records, opened."""
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
