"""Garbage is looked for once all is loaded, and as usual then."""

import gc
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
