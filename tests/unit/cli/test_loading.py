"""Garbage is looked for once all is loaded, and as usual then."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from herdbook.cli.loading import begin_loading, end_loading


@pytest.fixture(autouse=True)
def usual() -> Iterator[tuple[int, int, int]]:
    threshold = gc.get_threshold()
    yield threshold
    gc.set_threshold(*threshold)
    gc.unfreeze()


def test_what_was_loaded_is_passed_over_and_what_comes_then_is_looked_at(
    usual: tuple[int, int, int],
) -> None:
    begin_loading()
    assert gc.get_threshold()[0] > 100 * usual[0]
    end_loading()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() > 0
    assert gc.isenabled()


def test_who_did_not_put_it_off_is_left_alone(usual: tuple[int, int, int]) -> None:
    end_loading()
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


_WRITES = """
import sys
from herdbook.cli.loading import begin_loading, end_loading
begin_loading()
from herdbook.store.database import open_database, writing
database = open_database(sys.argv[1])
end_loading()
with writing(database) as connection:
    connection.exec_driver_sql("CREATE TABLE written (last INTEGER)")
"""


def test_a_database_is_closed_in_the_end(tmp_path: Path) -> None:
    """Else it would keep what was written last in a log beside it."""
    file = tmp_path / "herdbook.db"
    subprocess.run([sys.executable, "-c", _WRITES, f"sqlite:///{file}"], check=True, timeout=60)
    assert [each.name for each in tmp_path.iterdir() if "opening" not in each.name] == [file.name]
