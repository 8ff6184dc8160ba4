"""Plans an application's next operations, from what is wanted, what was seen, and the time.

A pure function: the same situation at the same time gives the same plan. What was planned is
written down before it is done, and looked at again afterwards; so nothing here has to remember.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from herdbook.fleet.balancing import FULL_WEIGHT
from herdbook.fleet.records import Role, Sight
from herdbook.rollouts.courses import Course, Phase, courses
from herdbook.rollouts.model import Rollout, under_way
from herdbook.rollouts.operations import Drain, End, Operation, Start
from herdbook.rollouts.progress import advanced
from herdbook.rollouts.situation import Situation
from herdbook.rollouts.slots import Budget, SlotWish, is_restless, plan_slot
from herdbook.rollouts.wishes import terms_of, wish_for


@dataclass(frozen=True)
class Plan:
    """What is to be done now, and the rollout as it is after this look.

    `restless` says that something is under way, or waits for a time to come: look again soon.
    """

    operations: tuple[Operation, ...]
    rollout: Rollout | None
    restless: bool


def plan(situation: Situation, now: datetime) -> Plan:
    """Return what is to be done now."""
    found = courses(situation)
    operations, restless = _operations(situation, found, now)
    failed = [each for each in operations if isinstance(each, End) and each.failed]
    rollout = advanced(situation, found, {each.instance for each in failed}, now)
    if _leads_elsewhere(situation.rollout, rollout):
        # In the same look: nothing more is begun of what has just failed, and what is kept warm
        # serves again at once.
        there = replace(situation, rollout=rollout)
        ended = {each.instance for each in failed}
        others, restless = _operations(there, courses(there), now)
        operations = [
            *failed,
            *(each for each in others if isinstance(each, Start) or each.instance not in ended),
        ]
    current = under_way(rollout)
    moves = current is not None and not current.waits
    return Plan(tuple(operations), rollout, restless or moves or bool(operations))


def _operations(
    situation: Situation, found: Sequence[Course], now: datetime
) -> tuple[list[Operation], bool]:
    """Return what is to be done now, and whether anything changes without anybody's doing."""
    operations: list[Operation] = []
    restless = False
    for course in found:
        if _is_steady(situation, course):
            continue
        if course.new is None and _is_depended_on(situation, found, course.name):
            restless = True
            continue
        by_slot: Mapping[int, list[Sight]] = defaultdict(list)
        for each in situation.by_component.get(course.name, ()):
            by_slot[each.record.slot].append(each)
        terms = terms_of(situation, course)
        quiet = [slot for slot, here in by_slot.items() if _is_quiet(course, slot, here)]
        wishes = {
            slot: wish_for(situation, course, terms, slot, by_slot[slot])
            for slot in _slots(course, by_slot, quiet)
        }
        budget = _budget(course, wishes, by_slot, len(quiet))
        operations += _plan_slots(wishes, by_slot, budget, now)
        restless |= any(is_restless(wish, by_slot[slot]) for slot, wish in wishes.items())
    return operations, restless


def _is_depended_on(situation: Situation, found: Sequence[Course], name: str) -> bool:
    """Tell whether something still works that depends on a component, which goes after it."""
    goals = {course.name: course.new for course in found}
    for each in situation.sights:
        if each.role not in {Role.STARTING, Role.SERVING, Role.DRAINING}:
            continue
        record = each.record
        component = goals.get(record.component)
        if component is None or component.revision != record.revision:
            component = situation.component(record.release, record.component)
        if component is not None and name in component.depends_on:
            return True
    return False


def _leads_elsewhere(before: Rollout | None, after: Rollout | None) -> bool:
    """Tell whether other operations follow from where a rollout has just come to.

    What follows from its end is seen in the next look: which release stands is not kept here.
    """
    if before is None or after is None or before is after or after.over:
        return False
    return before.state is not after.state or any(
        before.of(name).stage != each.stage for name, each in after.progress.items()
    )


def _is_steady(situation: Situation, course: Course) -> bool:
    """Tell quickly whether a component is just as it is to be: nearly always, all of them are."""
    new = course.new
    sights = situation.by_component.get(course.name, ())
    if new is None or course.phase is not Phase.AFTER:
        return new is None and not sights
    if len(sights) != new.replicas:
        return False
    revision, role = new.revision, Role.DONE if new.job else Role.SERVING
    for each in sights:
        record = each.record
        if record.role is not role or record.revision != revision:
            return False
        if record.slot >= new.replicas or not (
            new.job or (each.well and record.weight == FULL_WEIGHT)
        ):
            return False
    return len({each.record.slot for each in sights}) == new.replicas


def _is_quiet(course: Course, slot: int, sights: Sequence[Sight]) -> bool:
    """Tell quickly whether one slot is just as it is to be: most are, whatever is going on."""
    if len(sights) != 1 or not sights[0].serves or sights[0].record.weight != FULL_WEIGHT:
        return False
    if course.phase is Phase.BEFORE or not course.reaches(slot):
        return True
    new, beside = course.new, course.stage is not None and course.stage.beside
    return (
        new is not None
        and not beside
        and slot < new.replicas
        and sights[0].record.revision == new.revision
    )


def _plan_slots(
    wishes: Mapping[int, SlotWish],
    by_slot: Mapping[int, Sequence[Sight]],
    budget: Budget,
    now: datetime,
) -> Iterator[Operation]:
    for slot, wish in wishes.items():
        here = by_slot[slot]
        done = list(plan_slot(wish, here, now, budget))
        if lost := _lost(done, here):
            budget = budget.without(lost)
        yield from done


def _slots(
    course: Course, by_slot: Mapping[int, Sequence[Sight]], quiet: Collection[int]
) -> list[int]:
    """Return the other slots, the highest first: the lowest of pets is often the one that leads."""
    counts = [each.replicas for each in (course.new, course.old) if each]
    return sorted({*range(max(counts, default=0)), *by_slot}.difference(quiet), reverse=True)


def _budget(
    course: Course,
    wishes: Mapping[int, SlotWish],
    by_slot: Mapping[int, Sequence[Sight]],
    quiet: int,
) -> Budget:
    """Return how many instances that stand behind the doors may be taken away now.

    One budget for whatever takes something away: rollouts, scaling down, healing. One may always
    be lacking, or nothing could ever be replaced that has to stop first.
    """
    least = course.known.min_available if course.known else 0
    wanted = quiet + sum(1 for each in wishes.values() if each.serve is not None)
    floor = max(min(least, wanted - 1), 0)
    well = behind = quiet
    coming = 0
    for slot in wishes:
        sights = by_slot[slot]
        well += any(each.serves for each in sights)
        behind += any(each.role is Role.SERVING for each in sights)
        coming += any(each.role in {Role.STARTING, Role.DRAINING} for each in sights)
    # What is not well serves nobody: one is replaced even if the others never come.
    return Budget(well - floor, max(behind - floor, 0 if coming else 1))


def _lost(operations: Sequence[Operation], sights: Sequence[Sight]) -> Sight | None:
    """Return what stood behind the doors in a slot that has nothing there after these operations.

    The one that was well, if there was any.
    """
    drained = {each.instance for each in operations if isinstance(each, Drain)}
    behind = [each for each in sights if each.role is Role.SERVING]
    if not drained or any(each.serves and each.name not in drained for each in behind):
        return None
    return max(behind, key=lambda each: each.well, default=None)
