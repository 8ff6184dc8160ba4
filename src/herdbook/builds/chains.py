"""Decides on which root another one stands: on the largest one planned whose packages it holds.

A root is what it is because of the steps it was installed in: users, for instance, get their ids
in the order in which packages make them. So the steps are planned once and kept, and building an
image alone gives what building the whole catalogue gives.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import zip_longest

from herdbook.builds.layer_plan import RootEntry, SuitePlan, contents_of

Steps = tuple[tuple[str, ...], ...]
"""Names of packages, one set installed on top of the other."""


def chain(plan: SuitePlan, packages: Collection[str]) -> Steps | None:
    """Return the steps of the planned root with just these packages; None where none is."""
    number = plan.root_numbers.get(frozenset(packages))
    return None if number is None else _steps(plan.roots, number)


def with_root(
    roots: Sequence[RootEntry], packages: Collection[str], bare: Collection[str]
) -> tuple[RootEntry, ...]:
    """Return the roots with one of these packages planned, unchanged where it is there already.

    Every suite's first root is `bare`: what all images of it hold.
    """
    if not roots and bare:
        roots = (RootEntry(adds=tuple(sorted(bare))),)
    wanted = frozenset(packages)
    contents = contents_of(roots)
    if wanted in contents:
        return tuple(roots)
    below = [number for number, held in enumerate(contents) if held < wanted]
    if not below:
        return (*roots, RootEntry(adds=tuple(sorted(wanted))))
    on = max(below, key=lambda number: (len(contents[number]), -number))
    return (*roots, RootEntry(on=on, adds=tuple(sorted(wanted - contents[on]))))


def apart(ways: Mapping[str, Sequence[Hashable]]) -> list[str]:
    """Return the names of builds so ordered that neighbours go different ways, if they can.

    A way is what a build's root stands on, the lowest first. Builds that go on side by side would
    else wait for a root that all of them need.
    """
    return _apart(ways, 0)


def _apart(ways: Mapping[str, Sequence[Hashable]], depth: int) -> list[str]:
    ended = [name for name, way in ways.items() if len(way) <= depth]
    parted: dict[Hashable, dict[str, Sequence[Hashable]]] = defaultdict(dict)
    for name, way in ways.items():
        if len(way) > depth:
            parted[way[depth]][name] = way
    turns = zip_longest(*(_apart(part, depth + 1) for part in parted.values()))
    return ended + [name for names in turns for name in names if name is not None]


def _steps(roots: Sequence[RootEntry], number: int | None) -> Steps:
    steps: list[tuple[str, ...]] = []
    while number is not None:
        steps.append(roots[number].adds)
        number = roots[number].on
    return tuple(reversed(steps))
