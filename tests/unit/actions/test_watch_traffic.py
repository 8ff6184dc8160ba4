"""What new and old instances did behind the doors since a stage began."""

from dataclasses import replace
from datetime import UTC, datetime

from herdbook.actions.watch_traffic import TrafficWatch
from herdbook.core.digests import of_bytes
from herdbook.fleet.balancing import Traffic
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.judging import Counts
from herdbook.rollouts.model import Progress, Rollout, RolloutState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OLD, NEW = of_bytes(b"old"), of_bytes(b"new")
GOAL = {"web": NEW, "api": NEW}
ROLLOUT = Rollout(
    application="shop",
    number=1,
    before=1,
    after=2,
    state=RolloutState.ROLLING,
    began_at=NOW,
    since=NOW,
    progress={"web": Progress(), "api": Progress()},
)


def record(slot: int, *, new: bool, component: str = "web") -> Instance:
    return Instance(
        application="shop",
        component=component,
        slot=slot,
        attempt=1,
        revision=NEW if new else OLD,
        release=2 if new else 1,
        role=Role.SERVING,
        made_at=NOW,
        since=NOW,
    )


FIRST, SECOND = record(0, new=False), record(1, new=True)


def counted(
    watch: TrafficWatch, *one: tuple[Instance, int, int], rollout: Rollout = ROLLOUT
) -> None:
    traffic = {each.name: Traffic(requests, failed) for each, requests, failed in one}
    watch.look({"door": traffic}, rollout)


def test_the_new_ones_are_counted_since_the_stage_began_and_the_old_ones_in_all() -> None:
    watch = TrafficWatch()
    counted(watch, (FIRST, 100, 1), (SECOND, 10, 5))
    counted(watch, (FIRST, 150, 2), (SECOND, 30, 6))
    share = watch.shares([FIRST, SECOND], GOAL, frozenset())["web"]
    assert share.new == Counts(20, 1)
    assert share.old == Counts(150, 2)


def test_a_new_stage_begins_to_count_anew_for_its_component_alone() -> None:
    """One that moves on while another is analysed does not take away what was seen of that."""
    watch, other = TrafficWatch(), record(0, new=True, component="api")
    counted(watch, (SECOND, 0, 0), (other, 0, 0))
    counted(watch, (SECOND, 10, 0), (other, 10, 0))
    onward = ROLLOUT.with_progress("api", Progress(stage=1))
    counted(watch, (SECOND, 15, 0), (other, 15, 0), rollout=onward)
    shares = watch.shares([SECOND, other], GOAL, frozenset())
    assert (shares["web"].new.requests, shares["api"].new.requests) == (15, 0)


def test_another_rollout_or_state_begins_to_count_anew() -> None:
    for changed in ({"number": 2}, {"state": RolloutState.BAKING}):
        watch = TrafficWatch()
        counted(watch, (SECOND, 10, 10))
        counted(watch, (SECOND, 20, 20), rollout=ROLLOUT.model_copy(update=changed))
        assert watch.shares([SECOND], GOAL, frozenset())["web"].new == Counts(0, 0)


def test_an_instance_is_counted_over_all_its_doors() -> None:
    watch = TrafficWatch()
    watch.look({}, ROLLOUT)
    one = {SECOND.name: Traffic(10, 1, 2, 30.0)}
    other = {SECOND.name: Traffic(5, 0, 3, 40.0)}
    watch.look({"a": one, "b": other}, ROLLOUT)
    assert watch.shares([SECOND], GOAL, frozenset())["web"].new == Counts(15, 1, 40.0)
    assert watch.sessions(SECOND.name) == 5


def test_instances_of_the_goal_that_were_there_before_are_neither_new_nor_old() -> None:
    watch, before = TrafficWatch(), record(2, new=True)
    counted(watch, (SECOND, 0, 0), (before, 0, 0))
    counted(watch, (SECOND, 1, 0), (before, 99, 99))
    share = watch.shares([SECOND, before], GOAL, frozenset({before.name}))["web"]
    assert (share.new, share.old) == (Counts(1, 0), Counts(0, 0))


def test_an_old_one_that_serves_no_more_stands_for_the_old_ones() -> None:
    watch = TrafficWatch()
    counted(watch, (FIRST, 100, 1), (SECOND, 0, 0))
    counted(watch, (SECOND, 50, 0))
    share = watch.shares([FIRST, SECOND], GOAL, frozenset())["web"]
    assert (share.old.requests, share.new.requests) == (100, 50)


def test_the_mean_time_is_weighed_by_requests() -> None:
    watch, third = TrafficWatch(), record(2, new=True)
    watch.look({}, ROLLOUT)
    watch.look(
        {"a": {SECOND.name: Traffic(30, 0, 0, 10.0), third.name: Traffic(10, 0, 0, 50.0)}}, ROLLOUT
    )
    share = watch.shares([SECOND, third], GOAL, frozenset())["web"]
    assert share.new.response_milliseconds == 20.0


def test_where_nothing_new_was_counted_there_is_nothing_to_compare() -> None:
    watch = TrafficWatch()
    counted(watch, (FIRST, 100, 1))
    assert not watch.shares([FIRST, SECOND], GOAL, frozenset())


def test_counters_that_begin_anew_are_never_less_than_nothing() -> None:
    watch = TrafficWatch()
    counted(watch, (SECOND, 10, 10))
    counted(watch, (SECOND, 1, 1))
    assert watch.shares([SECOND], GOAL, frozenset())["web"].new == Counts(0, 0)


def test_what_is_gone_is_forgotten() -> None:
    watch = TrafficWatch()
    counted(watch, (SECOND, 10, 10))
    watch.forget(SECOND.name)
    assert watch.sessions(SECOND.name) == 0
    assert not watch.shares([SECOND], GOAL, frozenset())
    assert not watch.shares([replace(SECOND, attempt=2)], GOAL, frozenset())
