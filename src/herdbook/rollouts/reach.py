"""Tells how far a component's instances are on their way from one release to the next."""

from collections.abc import Collection
from datetime import datetime
from itertools import count

from herdbook.fleet.applications import Component
from herdbook.fleet.records import Role, Sight
from herdbook.rollouts.courses import Course
from herdbook.rollouts.situation import Situation
from herdbook.rollouts.stages import Stage


class Reach:
    """What the instances of one component come to, stage by stage.

    `failed` are slots that are not waited for: so many failures are tolerated.
    """

    def __init__(self, situation: Situation, course: Course, failed: Collection[int]) -> None:
        self._course = course
        self._sights = situation.by_component.get(course.name, ())
        self._failed = failed
        self._in_place: dict[tuple[bool, bool], int] = {}

    def reached(self, course: Course) -> bool:
        """Tell whether the instances are as the present stage of `course` wants them."""
        new, stage = course.new, course.stage or Stage(0)
        if new is None:
            return not any(each.role in {Role.SERVING, Role.STARTING} for each in self._sights)
        kind = (stage.beside, stage.weight > 0)
        if kind not in self._in_place:
            self._in_place[kind] = self._count(new, stage)
        if self._in_place[kind] < min(stage.slots, new.replicas):
            return False
        return not (course.last and any(self._is_surplus(each, new) for each in self._sights))

    def _count(self, new: Component, stage: Stage) -> int:
        """Return how many slots are as they are to be, in the order in which they get there."""
        failed = {self._course.place(slot) for slot in self._failed}
        there = {
            self._course.place(each.record.slot)
            for each in self._sights
            if _is_there(each, new, stage)
        }
        if not stage.beside:
            there -= {
                self._course.place(each.record.slot)
                for each in self._sights
                if each.role is Role.SERVING and each.record.revision != new.revision
            }
        there |= failed
        return next(place for place in count() if place not in there)

    @staticmethod
    def _is_surplus(sight: Sight, new: Component) -> bool:
        return sight.role is Role.SERVING and sight.record.slot >= new.replicas

    def fresh(self, began_at: datetime) -> frozenset[int]:
        """Return the places of the new instances that were made since then."""
        new = self._course.new
        return frozenset(
            self._course.place(each.record.slot)
            for each in self._sights
            if new is not None
            and each.record.revision == new.revision
            and each.record.made_at >= began_at
        )


def _is_there(sight: Sight, new: Component, stage: Stage) -> bool:
    if sight.record.revision != new.revision:
        return False
    if new.job:
        return sight.role is Role.DONE
    return sight.well if stage.weight == 0 else sight.serves
