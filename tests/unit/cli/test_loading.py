"""Garbage is looked for once all is loaded, and as usual then."""

import gc
import subprocess
import sys
from collections.abc import Iterator

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


_CYCLE = """
import gc
from herdbook.cli.loading import begin_loading, end_loading

class Database:
    def __del__(self):
        print("closed")

begin_loading()
database = Database()
database.itself = database
end_loading()
del database
"""


def test_what_was_loaded_is_closed_in_the_end() -> None:
    """Else a database would keep what was written last in a log beside it."""
    ended = subprocess.run(
        [sys.executable, "-c", _CYCLE], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout == "closed\n"
