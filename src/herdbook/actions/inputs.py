"""Reads what goes into a build, without opening anything else: enough to see that all is built."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from herdbook.builds.arrangement import Arrangement, arrange
from herdbook.builds.keys import build_key, files_key, locked_inputs, wishes_key
from herdbook.builds.layer_plan import read_plan
from herdbook.builds.lock import Lock, lock_path, read_lock
from herdbook.builds.machine_packages import machine_packages_of
from herdbook.builds.playbooks import Playbook, read_playbooks
from herdbook.builds.sources import Source, collect
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.recipes.catalogue import catalogue_of
from herdbook.recipes.model import Recipe, Variant
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class Inputs:
    """A recipe with its lock, and its files as they are now.

    `arrangement` says in which layers the locked packages lie; `wishes` names what the author
    wrote; `playbooks` are by number of their step.
    """

    recipe_file: RecipeFile
    lock: Lock
    sources: tuple[Source, ...]
    arrangement: Arrangement
    wishes: Digest
    playbooks: Mapping[int, Playbook] = field(default_factory=dict)

    @cached_property
    def key(self) -> Digest:
        """The key of the build that these make."""
        return build_key(self.wishes, self.lock.digest, self.arrangement.digest)


def read_inputs(recipe_file: RecipeFile) -> Inputs | None:
    """Return what goes into a build; None where the recipe has to be locked or planned first."""
    sources = tuple(collect(recipe_file))  # before the lock: a wrong path needs no network
    playbooks = read_playbooks(recipe_file)
    lock = present_lock(recipe_file)
    if lock is None:
        return None
    plan = read_plan(plan_folder(recipe_file))
    recipe = recipe_file.recipe
    arrangement = arrange(lock, recipe.variants, plan.of(lock.suite))
    if arrangement is None:
        return None
    wishes = wishes_key(recipe, files_key(sources, playbooks.values()))
    return Inputs(recipe_file, lock, sources, arrangement, wishes, playbooks)


def present_lock(recipe_file: RecipeFile) -> Lock | None:
    """Return the recipe's lock; None where there is none, or one made for other wishes."""
    inputs = inputs_of(recipe_file)
    path = lock_path(recipe_file, inputs)
    if not path.exists():
        return None
    lock = read_lock(path)
    return lock if lock.inputs == inputs else None


def plan_folder(recipe_file: RecipeFile) -> Path:
    """Return the folder that holds the layer plan a recipe takes part in."""
    return recipe_file.folder if recipe_file.values else catalogue_of(recipe_file.path).folder


def inputs_of(recipe_file: RecipeFile) -> Digest:
    """Return the digest of the part of a recipe that its lock answers."""
    files = [requirements_of(recipe_file), package_lock_of(recipe_file)]
    contents = [path.read_bytes() if path else None for path in files]
    return locked_inputs(recipe_file.recipe, machine_packages(recipe_file.recipe), contents)


def machine_packages(recipe: Recipe) -> tuple[str, ...]:
    """Return the packages that a VM of this recipe needs; none where no VM is wanted."""
    return machine_packages_of(recipe.suite or "") if Variant.VM in recipe.variants else ()


def requirements_of(recipe_file: RecipeFile) -> Path | None:
    """Return the recipe's requirements file, if it names one that is inside its folder."""
    step = recipe_file.recipe.python
    if step is None:
        return None
    hint = "Write it, or take `python` out of the recipe."
    return _named(recipe_file, step.requirements, ("python", "requirements"), hint)


def package_lock_of(recipe_file: RecipeFile) -> Path | None:
    """Return the recipe's package-lock.json, if it names one that is inside its folder."""
    step = recipe_file.recipe.node
    if step is None:
        return None
    hint = "Make it: npm install --package-lock-only. Or take `node` out of the recipe."
    return _named(recipe_file, step.lock, ("node", "lock"), hint)


def _named(recipe_file: RecipeFile, name: str, place: tuple[str, str], hint: str) -> Path:
    path, where = recipe_file.folder / name, recipe_file.where(*place)
    if not path.is_file():
        raise NotFoundError(f"There is no file {path}", hint=hint, where=where)
    if not path.resolve().is_relative_to(recipe_file.folder.resolve()):
        raise InvalidInputError(
            f"{path} leads out of the recipe's folder",
            hint="Put it beside the recipe, or below.",
            where=where,
        )
    return path
