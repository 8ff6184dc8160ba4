"""Campaigns get from state to state by a table, and work within the hours they are given."""

from datetime import time
from itertools import product

import pytest

from herdbook.campaigns.conditions import Condition, Finding, Way, way_of
from herdbook.campaigns.model import MOVES, OPEN, CampaignState, require_move
from herdbook.core.errors import ConflictError
from herdbook.core.hours import is_within

RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED
DONE, ABORTED = CampaignState.DONE, CampaignState.ABORTED

ALLOWED = [
    (RUNNING, PAUSED),
    (RUNNING, DONE),
    (RUNNING, ABORTED),
    (PAUSED, RUNNING),
    (PAUSED, ABORTED),
    (DONE, RUNNING),
]


def test_the_table_of_moves_speaks_of_every_state() -> None:
    assert set(MOVES) == set(CampaignState)
    assert [(before, after) for before in MOVES for after in MOVES if after in MOVES[before]] == (
        ALLOWED
    )


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_a_move_of_the_table_is_allowed(before: CampaignState, after: CampaignState) -> None:
    require_move(1, before, after)


@pytest.mark.parametrize(
    ("before", "after"), [each for each in product(MOVES, MOVES) if each not in ALLOWED]
)
def test_any_other_move_is_refused_with_what_to_do(
    before: CampaignState, after: CampaignState
) -> None:
    with pytest.raises(ConflictError, match=f"Campaign 7 is {before}: .* {after}") as caught:
        require_move(7, before, after)
    assert "herdbook campaign show 7" in caught.value.hint


def test_nothing_leads_out_of_an_aborted_campaign() -> None:
    assert not MOVES[ABORTED]
    assert set(OPEN) == {RUNNING, PAUSED}


DAY = [
    (time(8), time(17), time(8), True),
    (time(8), time(17), time(12), True),
    (time(8), time(17), time(16, 59, 59, 999_999), True),
    (time(8), time(17), time(17), False),
    (time(8), time(17), time(7, 59, 59, 999_999), False),
    (time(8), time(17), time(0), False),
    (time(22), time(6), time(22), True),
    (time(22), time(6), time(23, 59, 59), True),
    (time(22), time(6), time(0), True),
    (time(22), time(6), time(5, 59, 59), True),
    (time(22), time(6), time(6), False),
    (time(22), time(6), time(12), False),
    (time(22), time(6), time(21, 59, 59), False),
    (time(22), time(0), time(23, 59, 59), True),
    (time(22), time(0), time(0), False),
    (time(0), time(6), time(0), True),
    (time(0), time(6), time(23, 59), False),
]


@pytest.mark.parametrize(("begin", "end", "now", "within"), DAY)
def test_hours_begin_with_the_first_and_end_before_the_second(
    begin: time, end: time, now: time, *, within: bool
) -> None:
    """Over midnight where the second is the earlier one."""
    assert is_within(now, begin, end) is within


@pytest.mark.parametrize("now", [time(hour, 30) for hour in range(24)])
def test_any_moment_is_within_some_hours_or_within_the_others(now: time) -> None:
    for begin, end in ((time(8), time(17)), (time(22), time(6)), (time(0), time(12))):
        assert is_within(now, begin, end) is not is_within(now, end, begin)


@pytest.mark.parametrize(
    ("ways", "mildest"),
    [
        ([], Way.REBASE),
        ([Way.REBASE, Way.REBASE], Way.REBASE),
        ([Way.REBASE, Way.REBUILD], Way.REBUILD),
        ([Way.RELOCK, Way.REBUILD], Way.RELOCK),
        ([Way.WAIT, Way.RELOCK, Way.REBASE], Way.WAIT),
    ],
)
def test_an_image_goes_the_mildest_way_that_all_findings_leave(
    ways: list[Way], mildest: Way
) -> None:
    found = [Finding(condition=Condition.PATHS, way=way, words="so it is") for way in ways]
    assert way_of(found) is mildest
    assert all(each.holds is (each.way is Way.REBASE) for each in found)
