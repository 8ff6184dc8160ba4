"""Says for every slot of a component what is wanted there, by how far its rollout is."""

from collections.abc import Sequence
from dataclasses import dataclass

from herdbook.core.digests import Digest
from herdbook.fleet.applications import Component, UpdatePolicy
from herdbook.fleet.records import LIVE, Role, Sight
from herdbook.rollouts.courses import Course, Phase
from herdbook.rollouts.model import Rollout, RolloutState, under_way
from herdbook.rollouts.situation import Situation, SlotHistory
from herdbook.rollouts.slots import SlotWish
from herdbook.rollouts.stages import Stage, must_be_alone, share


@dataclass(frozen=True)
class _Goal:
    """What is to serve in a slot, and what may serve beside it."""

    component: Component | None
    release: int = 0
    beside: Digest | None = None
    weight: int = 100


@dataclass(frozen=True)
class Terms:
    """What holds for all slots of a component alike."""

    policy: UpdatePolicy
    alone: bool
    job: bool
    keep_warm: bool
    short: bool


def terms_of(situation: Situation, course: Course) -> Terms:
    """Return on which terms a component's slots are looked after now."""
    rollout, known = under_way(situation.rollout), course.known
    short = rollout is not None and rollout.short
    job = known is not None and known.job
    alone = any(must_be_alone(each) for each in (course.new, course.old) if each)
    return Terms(
        course.policy(short=short), alone or job, job, rollout is not None and not alone, short
    )


def wish_for(
    situation: Situation, course: Course, terms: Terms, slot: int, sights: Sequence[Sight]
) -> SlotWish:
    """Return what is wanted in a slot of a component now, where `sights` are."""
    goal = _goal(situation, course, slot, sights)
    component, rollout, policy = goal.component, situation.rollout, terms.policy
    history = situation.history(course.name, slot)
    heal = component is not None and component.heal
    return SlotWish(
        component=course.name,
        slot=slot,
        serve=component.revision if component else None,
        release=goal.release,
        beside=goal.beside,
        admit=goal.weight > 0,
        weight=goal.weight,
        # On the way back, only what a slot whose turn is still to come will need.
        keep_warm=terms.keep_warm and not (terms.short and _has_its_turn(course, slot)),
        alone=terms.alone,
        job=terms.job,
        heal=heal or _is_awaited(rollout, course.name, slot),
        may_start=goal.release not in situation.refused,
        order=policy.order,
        # What takes the place of a dead one is awaited: it is nothing new.
        settle_seconds=policy.settle_seconds if course.phase is Phase.DURING else 0.0,
        deadline_seconds=policy.deadline_seconds,
        drain_seconds=policy.drain_seconds,
        failures=_failures(history, rollout),
        failed_at=history.failed_at,
        next_attempt=history.attempts + 1,
    )


def _failures(history: SlotHistory, rollout: Rollout | None) -> int:
    """Return how many instances failed in a row that say something of what is wanted now.

    What failed before a rollout came to where it is may have been another revision; and a person
    who says `resume` wants it tried at once.
    """
    if history.failed_at is None:
        return 0
    current = under_way(rollout)
    return 0 if current and history.failed_at <= current.since else history.failures


def _is_awaited(rollout: Rollout | None, component: str, slot: int) -> bool:
    """Tell whether a rollout cannot go on without an instance in a slot, healed or not."""
    current = under_way(rollout)
    if current is None or current.waits:
        return False
    return slot not in current.of(component).failed


def _goal(situation: Situation, course: Course, slot: int, sights: Sequence[Sight]) -> _Goal:
    new, old, rollout = course.new, course.old, situation.rollout
    if course.phase is Phase.AFTER:
        return _of(new, course.number, slot)
    if rollout is None or not _has_its_turn(course, slot):
        return _as_it_is(situation, course, slot, sights)
    if rollout.waits and not _lives(new, sights):
        return _while_waiting(situation, rollout, course, slot, sights)
    goal = _of(new, course.number, slot)
    stage = course.stage or Stage(0)
    if not stage.beside or goal.component is None or old is None:
        return goal
    weight = share(stage.weight, stage.slots, old.replicas)
    beside = old.revision if slot < old.replicas else None
    return _Goal(goal.component, goal.release, beside, weight)


def _of(component: Component | None, release: int, slot: int) -> _Goal:
    if component is None or slot >= component.replicas:
        return _Goal(None)
    return _Goal(component, release)


def _has_its_turn(course: Course, slot: int) -> bool:
    return course.phase is not Phase.BEFORE and course.reaches(slot)


def _as_it_is(situation: Situation, course: Course, slot: int, sights: Sequence[Sight]) -> _Goal:
    """Leave what serves until the slot's turn comes, of whichever release; or what comes up.

    Where there is nothing, the release before the rollout is wanted: it was well once.
    """
    if found := _serving(situation, course, sights):
        return found
    rollout = situation.rollout
    goal = _of(course.new, course.number, slot)
    back = rollout is not None and rollout.back
    if back or (goal.component is not None and _lives(goal.component, sights)):
        return goal
    return _of(course.old, course.before, slot)


def _serving(situation: Situation, course: Course, sights: Sequence[Sight]) -> _Goal | None:
    """Return what serves in a slot: as it is to be if that does, else as it was, else another."""
    serving = [each.record for each in sights if each.role in {Role.SERVING, Role.DONE}]
    known = [(course.new, course.number), (course.old, course.before)]
    known += [(situation.component(each.release, course.name), each.release) for each in serving]
    revisions = {each.revision for each in serving}
    for component, release in known:
        if component is not None and component.revision in revisions:
            return _Goal(component, release)
    return None


def _while_waiting(
    situation: Situation, rollout: Rollout, course: Course, slot: int, sights: Sequence[Sight]
) -> _Goal:
    """Begin nothing new: what serves goes on, and an empty slot gets what was there before.

    That is not done where it could harm: what cannot be taken back is healed as it is to be. What
    has just failed is not tried again.
    """
    if found := _serving(situation, course, sights):
        return found
    new = course.new
    harmless = rollout.state in {RolloutState.PAUSED, RolloutState.HOLDING} and (
        new is None or new.reversible
    )
    old = _of(course.old, course.before, slot)
    if harmless and old.component is not None:
        return old
    tried = slot in rollout.of(course.name).failed
    return _Goal(None) if tried else _of(new, course.number, slot)


def _lives(component: Component | None, sights: Sequence[Sight]) -> bool:
    return component is not None and any(
        each.record.revision == component.revision and each.role in {*LIVE, Role.DONE}
        for each in sights
    )
