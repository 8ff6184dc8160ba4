"""The stages of a component's way: how many new instances, beside the old ones or instead."""

from dataclasses import dataclass

from herdbook.compose.wishes import Herding, Strategy
from herdbook.fleet.applications import Component, UpdatePolicy
from herdbook.fleet.balancing import FULL_WEIGHT
from herdbook.recipes.model import Variant

_WHOLE = 100
_HEAVIEST = 256


@dataclass(frozen=True)
class Stage:
    """One stage: so many `slots` hold new instances.

    With `beside`, the old instances of these slots go on serving; the new ones get `weight`
    percent of all requests together, none with 0. The stage lasts `seconds` once all serve; it is
    `judged` in this time, and with `hold` it lasts until a person says so.
    """

    slots: int
    beside: bool = False
    weight: int = 100
    seconds: float = 0.0
    judged: bool = False
    hold: bool = False


def stages(new: Component | None, old: Component | None, *, short: bool) -> tuple[Stage, ...]:
    """Return the stages from `old` to `new`; the `short` way back has no canary.

    Nor has what cannot have new ones beside old ones.
    """
    if new is None:
        return (Stage(0),)
    policy = new.rollback if short else new.update
    replaced = min(old.replicas, new.replicas) if old else 0
    rolling = _rolling(new, policy, replaced)
    same = old is not None and old.revision == new.revision
    beside = not (same or new.job or must_be_alone(new) or (old and must_be_alone(old)))
    if short or not beside or not replaced or policy.strategy is Strategy.ROLLING:
        return rolling
    if policy.strategy is Strategy.BLUE_GREEN:
        return (Stage(new.replicas, beside=True, weight=0), Stage(new.replicas))
    canary = policy.canary
    first = Stage(
        min(canary.instances, new.replicas),
        beside=True,
        weight=canary.weight,
        seconds=canary.analysis_seconds,
        judged=True,
        hold=canary.hold,
    )
    return (first, *rolling)


def must_be_alone(component: Component) -> bool:
    """Tell whether two instances of a slot must never run at once: they share what one may hold."""
    disk = component.instance.variant is Variant.VM and any(
        not each.read_only for each in component.instance.volumes
    )
    return component.herding is Herding.PET or disk


def _rolling(new: Component, policy: UpdatePolicy, replaced: int) -> tuple[Stage, ...]:
    """Replace a few at a time; where nothing was before, all come up at once. Pets do not."""
    count = new.replicas
    pet = new.herding is Herding.PET
    step = 1 if pet else policy.parallelism or count or 1
    reached = [*range(step, count if pet else min(replaced, count), step)]
    if not pet and reached and replaced < count:
        reached.append(replaced)
    reached.append(count)
    last = len(reached) - 1
    return tuple(
        Stage(slots, seconds=policy.delay_seconds if number < last else 0.0)
        for number, slots in enumerate(reached)
    )


def share(weight: int, new: int, old: int) -> int:
    """Return the weight of each of `new` members so that together they get `weight` percent.

    The `old` ones have 100 each. HAProxy's weights end at 256: more old ones than that allows
    give the new ones a little less.
    """
    if not new or not old or weight >= _WHOLE:
        return FULL_WEIGHT
    wanted = weight * FULL_WEIGHT * old / ((_WHOLE - weight) * new)
    return max(min(round(wanted), _HEAVIEST), 1 if weight else 0)
