"""Chooses the versions of a recipe's packages, on top of what the image is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.check_revoked import refuse_revoked
from herdbook.actions.foundation import Foundation, on_base, on_parent
from herdbook.actions.name_version import version_meant
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import LockedParent
from herdbook.builds.machine_packages import machine_packages_of
from herdbook.catalogue.model import Variant
from herdbook.channels.model import Level
from herdbook.core.errors import HerdbookError, InvalidInputError, UnsatisfiableError
from herdbook.images.bases import LockedBase
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.packages.suites import suite_named
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile

Packages = tuple[LockedPackage, ...]


@dataclass(frozen=True)
class Below:
    """What a recipe's image is made from: a suite, with nothing or an image of it below.

    `container` is what the packages are installed on, and what a machine's packages are added to
    unless there is a `machine` below already. It is a VM where only VMs are wanted.
    """

    container: Foundation
    machine: Foundation | None = None
    parent: LockedParent | None = None
    base: LockedBase | None = None

    @property
    def suite(self) -> str:
        """The suite's name, empty where there is none."""
        return self.container.suite

    @property
    def versions(self) -> dict[str, str]:
        """The packages that are there already, with their versions."""
        return {name: control.version for name, control in self.container.controls.items()}


@dataclass(frozen=True)
class Chosen:
    """The packages to install, as a lock names them."""

    indexes: tuple[SignedIndex, ...] = ()
    packages: Packages = ()
    machine: Packages = ()
    machine_has: tuple[str, ...] = ()


def below_recipe(workshop: Workshop, recipe_file: RecipeFile) -> Below:
    """Return what a recipe is made from; raises InvalidInputError, NotFoundError with its line."""
    recipe = recipe_file.recipe
    try:
        if recipe.suite is not None:
            return Below(Foundation(workshop, suite=suite_named(recipe.suite).name))
        if recipe.base_reference is not None:
            return _on_base(workshop, recipe.base_reference, recipe_file.folder)
        return _on_parent(workshop, recipe)
    except HerdbookError as error:
        error.where = error.where or recipe_file.where("from")
        raise


def _on_base(workshop: Workshop, reference: str, folder: Path) -> Below:
    base = workshop.bases.resolve(reference, folder, workshop.progress)
    return Below(on_base(workshop, base, folder), base=base)


def _on_parent(workshop: Workshop, recipe: Recipe) -> Below:
    version = version_meant(workshop, recipe.from_, Level.BUILDS, Level.RELEASES)
    refuse_revoked(workshop, (version.image, version.number), Level.BUILDS)
    parent = LockedParent(image=version.image, number=version.number, digest=version.digest)
    first = min(recipe.variants, key=list(Variant).index)
    machine = None
    if Variant.VM in recipe.variants and version.variant(Variant.VM):
        machine = on_parent(workshop, version, Variant.VM)
    return Below(on_parent(workshop, version, first), machine, parent)


def choose(workshop: Workshop, recipe: Recipe, below: Below) -> Chosen:
    """Return the packages a recipe needs besides what is below it.

    Raises UnsatisfiableError where they cannot be had together.
    """
    bare = below.container.key is None
    needs_machine = Variant.VM in recipe.variants and below.machine is None
    if not bare and not recipe.packages and not needs_machine:
        return Chosen()
    if below.container.no_packages_because:
        raise InvalidInputError(
            f"No packages can be installed on {recipe.from_}: "
            f"{below.container.no_packages_because}",
            hint="Take `packages` out of the recipe, and let it have `variants: [container]`.",
        )
    suite = suite_named(below.suite)
    wanted = [[*(suite.base if bare else ()), *recipe.packages]]
    if needs_machine:
        wanted.append(list(machine_packages_of(suite.name)))
    resolution = workshop.archive.resolve(
        suite, wanted, workshop.progress, essential=bare, installed=below.container.status
    )
    machine = _additional(resolution.sets)
    if below.machine is None:
        return Chosen(resolution.indexes, resolution.sets[0], machine)
    on_machine = workshop.archive.resolve(
        suite, wanted, workshop.progress, essential=False, installed=below.machine.status
    )
    own = set(on_machine.sets[0])
    return Chosen(
        resolution.indexes,
        resolution.sets[0],
        tuple(each for each in on_machine.sets[0] if each not in set(resolution.sets[0])),
        tuple(each.name for each in resolution.sets[0] if each not in own),
    )


def _additional(sets: Sequence[Packages]) -> Packages:
    """Return what the VM's set adds; raises UnsatisfiableError where it changes what is below."""
    if len(sets) == 1:
        return ()
    below, machine = sets
    if missing := set(below) - set(machine):
        names = ", ".join(sorted(package.name for package in missing))
        raise UnsatisfiableError(
            f"A VM of this recipe cannot hold the same packages as the container: {names}",
            hint="Build the two as separate recipes, each with one of the `variants`.",
        )
    return tuple(package for package in machine if package not in set(below))
