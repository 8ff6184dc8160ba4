"""Decides in which order packages are unpacked and configured."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from herdbook.core.errors import UnsatisfiableError
from herdbook.packages.control import Control


def stages(controls: Sequence[Control], installed: Iterable[str] = ()) -> list[list[str]]:
    """Return names in stages: each is unpacked as a whole, then configured as a whole.

    dpkg refuses to unpack a package whose Pre-Depends are not configured yet (Policy 7.2), and to
    configure one whose Depends are not there at all: so all a package needs lies in its stage or
    before it, and what it pre-depends on before it. Within a stage dpkg finds the order.

    The first stage of an empty root is special: the essential packages and all they need, which
    nothing can precede. Names of a stage are sorted. Raises UnsatisfiableError where
    pre-dependencies go round in a circle.
    """
    providers = _providers(controls)
    ready = set(installed)
    remaining = {control.name: control for control in controls if control.name not in ready}
    result = []
    if not ready:
        first = _closure([each for each in controls if each.essential], remaining, providers)
        result += [sorted(first)] if first else []
        ready |= first
    while remaining := {name: each for name, each in remaining.items() if name not in ready}:
        satisfied = _next_stage(remaining, ready, providers)
        if not satisfied:
            raise UnsatisfiableError(
                f"Pre-dependencies go round in a circle: {', '.join(sorted(remaining))}"
            )
        result.append(sorted(satisfied))
        ready |= set(satisfied)
    return result


def together(
    steps: Sequence[Collection[str]], controls: Sequence[Control], installed: Iterable[str] = ()
) -> list[list[int]]:
    """Return which of some steps have to be one: a step may need packages of a later one.

    That is so where steps were chosen for older versions, which needed less. Each group holds the
    numbers of steps that follow each other. What nothing provides at all is nobody's fault here.
    """
    providers = _providers(controls)
    known = {control.name: control for control in controls}
    ready = set(installed)
    everything = ready.union(*steps)
    groups: list[list[int]] = []
    pending: list[int] = []
    for number, step in enumerate(steps):
        pending.append(number)
        ready |= set(step)
        own = [known[name] for each in pending for name in steps[each] if name in known]
        if all(
            _any_ready(wish, ready, providers) or not _any_ready(wish, everything, providers)
            for control in own
            for wish in (*control.pre_depends, *control.depends)
        ):
            groups.append(pending)
            pending = []
    return groups


def essential_names(controls: Sequence[Control], also: Iterable[str] = ()) -> set[str]:
    """Return the names of the essential packages, of those in `also`, and of all they need."""
    known = {control.name: control for control in controls}
    seeds = [each for each in controls if each.essential or each.name in set(also)]
    return _closure(seeds, known, _providers(controls))


def _next_stage(
    remaining: Mapping[str, Control], ready: set[str], providers: Mapping[str, set[str]]
) -> set[str]:
    stage = {
        name
        for name, control in remaining.items()
        if all(_any_ready(wish, ready, providers) for wish in control.pre_depends)
    }
    while True:
        there = ready | stage
        left = {
            name
            for name in stage
            if all(_any_ready(wish, there, providers) for wish in remaining[name].depends)
        }
        if left == stage:
            return stage
        stage = left  # what is put off may take along what depends on it


def _providers(controls: Iterable[Control]) -> dict[str, set[str]]:
    providers: dict[str, set[str]] = {}
    for control in controls:
        for name in (control.name, *control.provides):
            providers.setdefault(name, set()).add(control.name)
    return providers


def _any_ready(
    alternatives: Sequence[str], ready: set[str], providers: Mapping[str, set[str]]
) -> bool:
    # A name nobody here provides was satisfied by a package installed before, or by the solver's
    # choice of another alternative.
    candidates = {name for wish in alternatives for name in providers.get(wish, ())}
    return not candidates or not ready.isdisjoint(candidates.union(alternatives))


def _closure(
    seeds: Iterable[Control], known: Mapping[str, Control], providers: Mapping[str, set[str]]
) -> set[str]:
    found: set[str] = set()
    todo = list(seeds)
    while todo:
        control = todo.pop()
        if control.name in found:
            continue
        found.add(control.name)
        for wish in (*control.pre_depends, *control.depends):
            todo += [
                known[name]
                for alternative in wish
                for name in providers.get(alternative, ())
                if name in known and name not in found
            ]
    return found
