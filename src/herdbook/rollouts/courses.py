"""What each component of an application is on its way to, and whose turn it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from herdbook.compose.wishes import Herding
from herdbook.fleet.applications import Component, UpdatePolicy
from herdbook.rollouts.model import Rollout, under_way
from herdbook.rollouts.situation import Situation
from herdbook.rollouts.stages import Stage, stages


class Phase(StrEnum):
    """Whether a component's turn is still to come, is now, or is over."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True)
class Course:
    """One component's way: to `new`, as release `number` has it, from `old`, as `before` has it.

    Either is None where that release has no such component. `stages` are those of its way,
    `passed` says how many of them are over.
    """

    name: str
    phase: Phase
    new: Component | None
    number: int
    old: Component | None = None
    before: int = 0
    stages: tuple[Stage, ...] = ()
    passed: int = 0

    @property
    def known(self) -> Component | None:
        """The component as it is to be, or else as it was."""
        return self.new or self.old

    @property
    def stage(self) -> Stage | None:
        """The stage it is in; None where all are over."""
        return self.stages[self.passed] if self.passed < len(self.stages) else None

    @property
    def last(self) -> bool:
        """Whether no stage follows."""
        return self.passed >= len(self.stages) - 1

    @property
    def changes(self) -> bool:
        """Whether its new instances differ from the old ones."""
        return self.new is not None and (self.old is None or self.old.revision != self.new.revision)

    def policy(self, *, short: bool) -> UpdatePolicy:
        """Return how it is rolled out."""
        if self.known is None:
            return UpdatePolicy()
        return self.known.rollback if short else self.known.update

    def place(self, slot: int) -> int:
        """Return the how-manyeth a slot is that gets a new instance, counted from 0.

        Pets are replaced from the highest slot down: the lowest is often the one that leads. For
        the same reason they come up the other way round, as all others do.
        """
        new, old = self.new, self.old
        if new is None or old is None or new.herding is not Herding.PET or slot >= new.replicas:
            return slot
        return new.replicas - 1 - slot

    def reaches(self, slot: int) -> bool:
        """Tell whether a slot is to be as the new release has it."""
        return self.last or (self.stage is not None and self.place(slot) < self.stage.slots)

    def onward(self) -> "Course":
        """Return the course one stage on."""
        return replace(self, passed=self.passed + 1)


def courses(situation: Situation) -> list[Course]:
    """Return all components, with whose turn it is.

    On the way there, a component's turn comes when all that it depends on is as it is to be, and
    what is not wanted any more comes last; on the way back just the other way round. Components
    that do not depend on each other have their turns at the same time. What was well before goes
    on only when the new ones below it have been watched; what is new itself waits only until they
    serve.
    """
    if (rollout := under_way(situation.rollout)) is None:
        return list(_courses(situation, situation.standing, 0))
    other = rollout.after if rollout.back else rollout.before
    found = [
        replace(
            each,
            stages=stages(each.new, each.old, short=rollout.short),
            passed=rollout.of(each.name).stage,
        )
        for each in _courses(situation, rollout.goal, other)
    ]
    over = {each.name for each in found if each.stage is None}
    serving = over | {
        each.name for each in found if each.last and rollout.of(each.name).reached_at is not None
    }
    needed = _needed(found, rollout)
    result = []
    for each in found:
        ready = serving if each.old is None and not rollout.back else over
        phase = Phase.DURING if needed[each.name] <= ready else Phase.BEFORE
        result.append(replace(each, phase=Phase.AFTER if each.stage is None else phase))
    return result[::-1] if rollout.back else result


def _needed(found: Sequence[Course], rollout: Rollout) -> Mapping[str, set[str]]:
    """Return which components have to be where they are to be before each one's turn."""
    wanted = {each.name: each.new for each in found if each.new}
    unwanted = {each.name for each in found} - wanted.keys()
    below = {name: wanted.keys() & each.depends_on.keys() for name, each in wanted.items()}
    if not rollout.back:
        return {**below, **{name: set(wanted) for name in unwanted}}
    above = {
        name: {each for each, needs in below.items() if name in needs} | unwanted for name in wanted
    }
    return {**above, **{name: set() for name in unwanted}}


def _courses(situation: Situation, goal: int, before: int) -> Iterator[Course]:
    wanted, known = situation.releases.get(goal), situation.releases.get(before)
    names = [each.name for each in wanted.settings.in_order] if wanted else []
    left = set(situation.by_component)
    if known:
        left |= known.settings.by_name.keys()
    for name in [*names, *sorted(left - set(names))]:
        new, old = situation.component(goal, name), situation.component(before, name)
        yield Course(name, Phase.AFTER, new, goal, old, before)
