"""Reads what goes into a build, without opening anything else: enough to see that all is built."""

from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.keys import build_key, locked_inputs
from herdbook.builds.lock import Lock, lock_path, read_lock
from herdbook.builds.machine_packages import machine_packages_of
from herdbook.builds.sources import Source, collect
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.recipes.model import Recipe, Variant
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class Inputs:
    """A recipe with its lock, its files as they are now, and the key of the build they make."""

    recipe_file: RecipeFile
    lock: Lock
    sources: tuple[Source, ...]
    key: Digest


def read_inputs(recipe_file: RecipeFile) -> Inputs | None:
    """Return what goes into a build, or None where the recipe has to be locked first."""
    sources = tuple(collect(recipe_file))  # before the lock: a wrong path needs no network
    lock = present_lock(recipe_file)
    return _inputs(recipe_file, lock, sources) if lock else None


def with_lock(recipe_file: RecipeFile, lock: Lock) -> Inputs:
    """Return what goes into a build with this lock."""
    return _inputs(recipe_file, lock, tuple(collect(recipe_file)))


def _inputs(recipe_file: RecipeFile, lock: Lock, sources: tuple[Source, ...]) -> Inputs:
    return Inputs(recipe_file, lock, sources, build_key(recipe_file.recipe, lock, sources))


def present_lock(recipe_file: RecipeFile) -> Lock | None:
    """Return the recipe's lock; None where there is none, or one made for other wishes."""
    path = lock_path(recipe_file.path)
    if not path.exists():
        return None
    lock = read_lock(path)
    return lock if lock.inputs == inputs_of(recipe_file) else None


def inputs_of(recipe_file: RecipeFile) -> Digest:
    """Return the digest of the part of a recipe that its lock answers."""
    path = requirements_of(recipe_file)
    content = path.read_bytes() if path else None
    return locked_inputs(recipe_file.recipe, machine_packages(recipe_file.recipe), content)


def machine_packages(recipe: Recipe) -> tuple[str, ...]:
    """Return the packages that a VM of this recipe needs; none where no VM is wanted."""
    return machine_packages_of(recipe.suite) if Variant.VM in recipe.variants else ()


def requirements_of(recipe_file: RecipeFile) -> Path | None:
    """Return the recipe's requirements file, if it names one that is inside its folder."""
    if recipe_file.recipe.python is None:
        return None
    path = recipe_file.folder / recipe_file.recipe.python.requirements
    where = recipe_file.where("python", "requirements")
    if not path.is_file():
        raise NotFoundError(
            f"There is no requirements file {path}",
            hint="Write it, or take `python` out of the recipe.",
            where=where,
        )
    if not path.resolve().is_relative_to(recipe_file.folder.resolve()):
        raise InvalidInputError(f"{path} leads out of the recipe's folder", where=where)
    return path
