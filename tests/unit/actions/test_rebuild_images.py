"""Builds of a campaign, side by side: begun one by one, and yielded as they end."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stores import open_store

from herdbook.actions.ask_leave import StoppedError
from herdbook.actions.find_homes import Homes
from herdbook.actions.judge_classes import Judge, Judgement
from herdbook.actions.prepare_moves import MoveMaker
from herdbook.actions.rebuild_images import Rebuild, Rebuilt, rebuild_all
from herdbook.builds.lock import Lock, LockedParent
from herdbook.campaigns.model import Budget, Campaign, CampaignState, Verify
from herdbook.campaigns.ports import ImageClass, Member
from herdbook.core.digests import EMPTY

LOCK = Lock(inputs=EMPTY, suite="bookworm", parent=LockedParent(image="a", number=1, digest=EMPTY))
CLASS = ImageClass(("one",), "", {}, 3, opaque=False, allowed=True, complete=True)
JUDGEMENT = Judgement(CLASS, LOCK, (), (), ())
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
CAMPAIGN = Campaign(
    *(1, CampaignState.RUNNING, ("openssl",), (), Budget(builds=2), Verify.NONE, MOMENT, None, {})
)


def wanted(*, stopped: bool = False) -> Iterator[Rebuild]:
    """Yield images that the register does not have any more: their builds are over at once."""
    for name in ("a", "b", "c"):
        yield Rebuild(JUDGEMENT, Member(name, 1, "", None))
    if stopped:
        raise StoppedError


def rebuilt(state: Path, wishes: Iterator[Rebuild], gave_up: list[str]) -> Iterator[Rebuilt]:
    store = open_store(state)
    workshop = replace(store.workshop, give_up=lambda: gave_up.append("gave up"))
    mover = MoveMaker(workshop, Judge(workshop, ()), ())
    return rebuild_all(workshop, mover, Homes(), CAMPAIGN, wishes)


def test_each_is_yielded_once_with_what_became_of_it(tmp_path: Path) -> None:
    found = list(rebuilt(tmp_path / "state", wanted(), []))
    assert sorted(each.image for each in found) == ["a", "b", "c"]
    assert all(each.overtaken for each in found)


def test_where_no_more_may_begin_those_under_way_are_yielded_before_it_is_raised(
    tmp_path: Path,
) -> None:
    found: list[Rebuilt] = []
    with pytest.raises(StoppedError):
        found.extend(rebuilt(tmp_path / "state", wanted(stopped=True), []))
    assert sorted(each.image for each in found) == ["a", "b", "c"]


def test_programs_are_not_ended_where_nobody_asks_for_the_rest(tmp_path: Path) -> None:
    """The campaign pauses between two results: what is under way may end well."""
    gave_up: list[str] = []
    results = rebuilt(tmp_path / "state", wanted(), gave_up)
    next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    assert gave_up == []
