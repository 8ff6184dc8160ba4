"""Says how far a rollout is after a look at its instances, and where it goes from there."""

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from herdbook.fleet.applications import FailureAction
from herdbook.fleet.records import Role
from herdbook.rollouts.courses import Course, Phase
from herdbook.rollouts.judging import Judgement, Verdict, judge
from herdbook.rollouts.model import Progress, Rollout, RolloutState, under_way
from herdbook.rollouts.reach import Reach
from herdbook.rollouts.situation import Situation
from herdbook.rollouts.stages import Stage

_PATIENCE = 3.0
"""A canary that too few requests reach is waited for so many times as long as it was to last."""

_STUCK_SECONDS = 600.0
"""A stage that is not reached for so long, or three times what one instance may take, is stuck."""

_LATE_FAILURES = 1
"""So many new instances may die once they have served for a while: that happens to old ones."""


def advanced(
    situation: Situation, found: Sequence[Course], failed: Collection[str], now: datetime
) -> Rollout | None:
    """Return the rollout after this look: how far it is, or the state it has come to.

    `failed` are the instances that were just found to have failed.
    """
    rollout = under_way(situation.rollout)
    if rollout is None or (rollout.waits and rollout.state is not RolloutState.HOLDING):
        return situation.rollout
    if refusal := situation.why_not_to(rollout.goal):
        return _refused(situation, rollout, found, refusal, now)
    return rollout if rollout.waits else _moved_on(situation, rollout, found, failed, now)


def _moved_on(
    situation: Situation,
    rollout: Rollout,
    found: Sequence[Course],
    failed: Collection[str],
    now: datetime,
) -> Rollout:
    """Return a rollout that does not wait after this look."""
    begun = [each for each in found if each.phase is not Phase.BEFORE and each.new]
    for course in begun:
        rollout = rollout.with_progress(course.name, _counted(situation, course, failed, now))
        if trouble := _stuck(situation, rollout, course, now) or _trouble(
            situation, rollout, course
        ):
            return _react(situation, rollout, found, course, trouble, now)
    for course in found:
        if course.phase is Phase.DURING:
            rollout = _onward(situation, rollout, course, now)
    if all(each.phase is Phase.AFTER for each in found):
        return _arrived(situation, rollout, found, now)
    return rollout


def _refused(
    situation: Situation, rollout: Rollout, found: Sequence[Course], refusal: str, now: datetime
) -> Rollout:
    """Return where a rollout goes whose goal must not be started any more."""
    trouble = f"release {rollout.goal} must not run: {refusal}"
    if rollout.back:
        return rollout.moved(RolloutState.ROLLBACK_PAUSED, now, trouble)
    state, why = _way_back(situation, rollout, found)
    return rollout.moved(state, now, f"{trouble}{why}")


def _counted(
    situation: Situation, course: Course, failed: Collection[str], now: datetime
) -> Progress:
    """Return a component's progress with the failures of its new instances counted."""
    rollout, new = situation.rollout, course.new
    progress = rollout.of(course.name) if rollout else Progress()
    if rollout is None or new is None or not failed:
        return progress
    early, late = set(progress.failed), progress.late
    policy = course.policy(short=rollout.short)
    monitor = timedelta(seconds=policy.monitor_seconds)
    goes_on = policy.failure_action is FailureAction.CONTINUE  # and waits for none that failed
    for sight in situation.by_component.get(course.name, ()):
        record = sight.record
        if sight.name not in failed or record.revision != new.revision:
            continue
        if record.made_at < rollout.began_at:
            continue  # it was there before: this rollout is not to blame
        if situation.went_down_with_its_machine(sight):
            continue  # and so did all others, whatever they are like
        when = record.since if record.role is Role.DRAINING else now
        if goes_on or record.served_at is None or when < record.served_at + monitor:
            early.add(record.slot)
        else:
            late += 1
    return progress.model_copy(update={"failed": tuple(sorted(early)), "late": late})


def _trouble(situation: Situation, rollout: Rollout, course: Course) -> str:
    """Return in words what speaks against going on; empty where nothing does."""
    component, progress = course.new, rollout.of(course.name)
    policy = course.policy(short=rollout.short)
    if component is None or policy.failure_action is FailureAction.CONTINUE:
        return ""
    tolerated = policy.max_failure_ratio * component.replicas
    if len(progress.failed) > tolerated:
        return f"{course.name}: {len(progress.failed)} of {component.replicas} new ones failed"
    if progress.late > max(tolerated, _LATE_FAILURES):
        return f"{course.name}: {progress.late} new ones died after they had served"
    judgement = _judged(situation, course)
    if judgement.verdict is Verdict.BAD and not rollout.back:
        return f"{course.name}: {judgement.reason}"
    return ""


def _stuck(situation: Situation, rollout: Rollout, course: Course, now: datetime) -> str:
    """Return in words that a stage has taken too long; a job may take as long as it likes.

    The time in which the machine was off does not count.
    """
    progress, policy = rollout.of(course.name), course.policy(short=rollout.short)
    job = course.new is not None and course.new.job
    if course.phase is not Phase.DURING or job or progress.reached_at or not progress.since:
        return ""
    seconds = max(_STUCK_SECONDS, _PATIENCE * policy.deadline_seconds) + policy.drain_seconds
    began = max(progress.since, rollout.since, situation.booted_at or rollout.since)
    if now < began + timedelta(seconds=seconds):
        return ""
    return f"{course.name}: it has not got on for {seconds:g} s"


def _judged(situation: Situation, course: Course) -> Judgement:
    found = situation.shares.get(course.name)
    return judge(found) if found else Judgement(Verdict.UNKNOWN, "nothing was compared")


def _react(
    situation: Situation,
    rollout: Rollout,
    found: Sequence[Course],
    course: Course,
    trouble: str,
    now: datetime,
) -> Rollout:
    if rollout.back:
        return rollout.moved(RolloutState.ROLLBACK_PAUSED, now, trouble)
    action = course.policy(short=rollout.short).failure_action
    if action is FailureAction.ROLLBACK:
        state, why = _way_back(situation, rollout, found)
        return rollout.moved(state, now, f"{trouble}{why}")
    state = RolloutState.FROZEN if action is FailureAction.FREEZE else RolloutState.PAUSED
    return rollout.moved(state, now, trouble)


def _way_back(
    situation: Situation, rollout: Rollout, found: Sequence[Course]
) -> tuple[RolloutState, str]:
    """Return where a rollout goes that is to be taken back, and why not back if not back."""
    if not rollout.before:
        return RolloutState.PAUSED, "; there is no release before to go back to"
    if rollout.reverts:
        return RolloutState.PAUSED, "; it goes back already, and no way back leads back again"
    if refusal := situation.why_not_to(rollout.before):
        return RolloutState.FROZEN, f"; release {rollout.before} must not run: {refusal}"
    if exposure := situation.why_exposed(rollout.before):
        return RolloutState.FROZEN, f"; a person decides on release {rollout.before}: {exposure}"
    for course in found:
        if (
            course.phase is not Phase.BEFORE
            and course.new
            and course.changes
            and not course.new.reversible
        ):
            return RolloutState.FROZEN, f"; {course.name} is not reversible"
    return RolloutState.ROLLING_BACK, ""


def _onward(situation: Situation, rollout: Rollout, course: Course, now: datetime) -> Rollout:
    """Return the rollout with one component as many stages on as are over."""
    if rollout.waits:
        return rollout  # another one's turn has led there just now
    progress = _begun(rollout.of(course.name), now)
    reach = Reach(situation, course, progress.failed)
    fresh = reach.fresh(rollout.began_at)
    while course.stage is not None and reach.reached(course):
        since = progress.reached_at or now
        progress = progress.model_copy(update={"reached_at": since})
        if now < since + _lasts(situation, rollout, course, fresh):
            return rollout.with_progress(course.name, progress)
        if course.stage.hold:
            return _held(rollout, course, progress, now)
        progress, course = _begun(_next_stage(progress), now), course.onward()
    return rollout.with_progress(course.name, progress.model_copy(update={"reached_at": None}))


def _held(rollout: Rollout, course: Course, progress: Progress, now: datetime) -> Rollout:
    # `reached_at` tells whose stage it is that ends when somebody says so: no other one's does.
    others = {
        name: each.model_copy(update={"reached_at": None})
        for name, each in rollout.progress.items()
    }
    held = rollout.model_copy(update={"progress": {**others, course.name: progress}})
    reason = f"{course.name}: old and new serve side by side until you say resume"
    return held.moved(RolloutState.HOLDING, now, reason)


def resumed(rollout: Rollout, now: datetime, reason: str) -> Rollout:
    """Return a rollout that waited as it goes on: what failed is tried again.

    Raises ConflictError for one that does not wait.
    """
    if rollout.state is RolloutState.ROLLBACK_PAUSED:
        return rollout.moved(RolloutState.ROLLING_BACK, now, reason)
    progress = {
        component: each.model_copy(update={"failed": (), "late": 0})
        for component, each in rollout.progress.items()
    }
    if rollout.state is RolloutState.HOLDING:
        progress = {
            component: _next_stage(each) if each.reached_at else each
            for component, each in progress.items()
        }
    onward = rollout.moved(RolloutState.ROLLING, now, reason)
    return onward.model_copy(update={"progress": progress})


def _next_stage(progress: Progress) -> Progress:
    """Return the progress of a component one stage on."""
    return progress.model_copy(
        update={"stage": progress.stage + 1, "since": None, "reached_at": None}
    )


def _begun(progress: Progress, now: datetime) -> Progress:
    return progress if progress.since else progress.model_copy(update={"since": now})


def _lasts(
    situation: Situation, rollout: Rollout, course: Course, fresh: AbstractSet[int]
) -> timedelta:
    """Return how long a stage lasts; the last one as long as new instances are watched.

    One that brought nothing new is over at once; one whose instances too few requests reached to
    be compared lasts a while longer.
    """
    stage = course.stage or Stage(0)
    if course.last:
        policy = course.policy(short=rollout.short)
        return timedelta(seconds=policy.monitor_seconds if fresh and not rollout.back else 0.0)
    if stage.judged:
        unknown = _judged(situation, course).verdict is Verdict.UNKNOWN
        return timedelta(seconds=stage.seconds * (_PATIENCE if unknown else 1.0))
    first = course.stages[course.passed - 1].slots if course.passed else 0
    return timedelta(seconds=0.0 if fresh.isdisjoint(range(first, stage.slots)) else stage.seconds)


def _arrived(
    situation: Situation, rollout: Rollout, found: Sequence[Course], now: datetime
) -> Rollout:
    if rollout.back:
        return rollout.moved(RolloutState.ROLLED_BACK, now, rollout.reason)
    if rollout.state is RolloutState.ROLLING:
        return rollout.moved(RolloutState.BAKING, now, "all of it serves")
    bakes = (each.new.update.bake_seconds for each in found if each.new and each.changes)
    seconds = max(bakes, default=0.0) if rollout.before and not rollout.reverts else 0.0
    # While the machine was off, nothing was seen of how it stays.
    since = max(rollout.since, situation.booted_at or rollout.since)
    if now < since + timedelta(seconds=seconds):
        return rollout
    return rollout.moved(RolloutState.COMPLETE, now, "it stayed well")
