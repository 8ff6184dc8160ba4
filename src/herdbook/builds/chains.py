"""Decides on which root another one stands: on the largest one planned whose packages it holds.

A root is what it is because of the steps it was installed in: users, for instance, get their ids
in the order in which packages make them. So the steps are planned once and kept, and building an
image alone gives what building the whole catalogue gives.
"""

from collections.abc import Collection, Sequence

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


def _steps(roots: Sequence[RootEntry], number: int | None) -> Steps:
    steps: list[tuple[str, ...]] = []
    while number is not None:
        steps.append(roots[number].adds)
        number = roots[number].on
    return tuple(reversed(steps))
