"""How a lock's packages are arranged by the layer plan: in which layers, in which steps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from herdbook.builds.chains import chain
from herdbook.builds.layer_plan import SuitePlan
from herdbook.builds.lock import ArrangedLayer, ArrangedVariant, Lock
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.layers.covering import MACHINE_LAYERS, PACKAGE_LAYERS, Layer, cover
from herdbook.packages.model import LockedPackage
from herdbook.recipes.model import Variant

Step = tuple[LockedPackage, ...]
"""Packages that are installed together."""


@dataclass(frozen=True)
class Group:
    """Packages that share one layer, under a name people can recognise."""

    name: str
    packages: Step


@dataclass(frozen=True)
class Arrangement:
    """The layers of each variant's packages, and the steps in which its root is made."""

    groups: Mapping[Variant, tuple[Group, ...]]
    steps: Mapping[Variant, tuple[Step, ...]]

    @property
    def digest(self) -> Digest:
        """What names all of it that makes a difference to the image."""
        return digests.of_json(
            [
                [
                    variant,
                    [[group.name, _names(group.packages)] for group in self.groups[variant]],
                    [_names(step) for step in self.steps[variant]],
                ]
                for variant in sorted(self.groups)
            ]
        )

    def is_of(self, lock: Lock, variants: Collection[Variant]) -> bool:
        """Tell whether it is about just what a lock names for these variants, each package once.

        One that is installed and in no layer would be in no bill of materials.
        """
        if set(variants) != set(self.groups) or set(variants) != set(self.steps):
            return False
        return all(
            sorted(_names(packages_of(lock, each)))
            == sorted(name for group in self.groups[each] for name in _names(group.packages))
            == sorted(name for step in self.steps[each] for name in _names(step))
            for each in variants
        )


@dataclass(frozen=True)
class Part:
    """Packages that a plan covers by themselves, with at most so many layers.

    A VM holds the same layers as the container, and those of its machine's packages besides.
    """

    name: str
    packages: Step
    most_layers: int


def parts_of(lock: Lock, variants: Collection[Variant]) -> tuple[Part, ...]:
    """Return the parts of an image: what every variant holds, and what only a VM does."""
    if Variant.VM not in variants:
        return (Part("packages", lock.packages, PACKAGE_LAYERS),)
    return (
        Part("packages", lock.packages, PACKAGE_LAYERS - MACHINE_LAYERS),
        Part("machine", lock.machine, MACHINE_LAYERS),
    )


def with_arrangement(lock: Lock, arrangement: Arrangement) -> Lock:
    """Return the lock of a built version: it says how its packages were arranged."""
    arranged = {
        variant.value: ArrangedVariant(
            layers=tuple(
                ArrangedLayer(name=group.name, packages=tuple(_names(group.packages)))
                for group in groups
            ),
            steps=tuple(tuple(_names(step)) for step in arrangement.steps[variant]),
        )
        for variant, groups in arrangement.groups.items()
    }
    return lock.model_copy(update={"arranged": arranged})


def arrangement_in(lock: Lock) -> Arrangement:
    """Return how the packages of a built version were arranged."""
    groups, steps = {}, {}
    for name, arranged in lock.arranged.items():
        variant = Variant(name)
        by_name = {package.name: package for package in packages_of(lock, variant)}
        groups[variant] = tuple(
            Group(layer.name, tuple(by_name[each] for each in layer.packages))
            for layer in arranged.layers
        )
        steps[variant] = tuple(tuple(by_name[each] for each in step) for step in arranged.steps)
    return Arrangement(groups, steps)


def arrange(lock: Lock, variants: Collection[Variant], plan: SuitePlan) -> Arrangement | None:
    """Return how a plan arranges the packages of a lock; None where it does not cover them."""
    layers = [entry.layer for entry in plan.layers]
    own, *machine = parts_of(lock, variants)
    groups, steps = {}, {}
    for variant in variants:
        wanted = (own, *machine) if variant is Variant.VM else (own,)
        brought = set(lock.machine_has) if variant is Variant.VM else set[str]()
        found: list[Group] = []
        for part in wanted:
            packages = tuple(each for each in part.packages if each.name not in brought)
            covered = cover(layers, [each.name for each in packages], part.most_layers)
            if covered.uncovered:
                return None
            found += _groups(covered.layers, packages)
        planned = _steps(lock, variant, plan)
        if planned is None:
            return None
        groups[variant], steps[variant] = tuple(found), planned
    return Arrangement(groups, steps)


def packages_of(lock: Lock, variant: Variant) -> Step:
    """Return all packages that the build installs in a variant."""
    if variant is Variant.CONTAINER:
        return lock.packages
    brought = set(lock.machine_has)
    return (*(each for each in lock.packages if each.name not in brought), *lock.machine)


def _steps(lock: Lock, variant: Variant, plan: SuitePlan) -> tuple[Step, ...] | None:
    """Return what is installed on what: on a planned root, and the machine's packages last.

    On another image there are no planned roots.
    """
    if not lock.from_nothing:
        packages = packages_of(lock, variant)
        return (packages,) if packages else ()
    found = chain(plan, [package.name for package in lock.packages])
    if found is None:
        return None
    by_name = {package.name: package for package in lock.packages}
    steps = tuple(tuple(by_name[name] for name in step) for step in found)
    return (*steps, lock.machine) if variant is Variant.VM else steps


def _groups(layers: Sequence[Layer], packages: Step) -> tuple[Group, ...]:
    by_name = {package.name: package for package in packages}
    return tuple(
        Group(layer.name, tuple(by_name[name] for name in layer.packages)) for layer in layers
    )


def _names(packages: Step) -> list[str]:
    return [package.name for package in packages]
