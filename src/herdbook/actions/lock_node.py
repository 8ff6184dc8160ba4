"""Reads the package-lock.json that a recipe names: what it holds is what the lock says of Node."""

from pathlib import Path

from herdbook.builds.locked_node import LockedNode
from herdbook.builds.package_lock import read_package_lock
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.recipes.reading import RecipeFile


def lock_node(recipe_file: RecipeFile) -> LockedNode | None:
    """Return the Node part of a recipe's lock; no registry is asked.

    Raises NotFoundError or InvalidInputError with file and line.
    """
    step = recipe_file.recipe.node
    path = package_lock_of(recipe_file)
    if step is None or path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            "The package lock is not UTF-8",
            hint="Make it anew: npm install --package-lock-only",
            where=str(path),
        ) from error
    return read_package_lock(text, str(path), development=step.development)


def package_lock_of(recipe_file: RecipeFile) -> Path | None:
    """Return the recipe's package-lock.json, if it names one that is inside its folder."""
    step = recipe_file.recipe.node
    if step is None:
        return None
    path = recipe_file.folder / step.lock
    where = recipe_file.where("node", "lock")
    if not path.is_file():
        raise NotFoundError(
            f"There is no package lock {path}",
            hint="Make it: npm install --package-lock-only. Or take `node` out of the recipe.",
            where=where,
        )
    if not path.resolve().is_relative_to(recipe_file.folder.resolve()):
        raise InvalidInputError(
            f"{path} leads out of the recipe's folder",
            hint="Put the package lock beside the recipe, or below.",
            where=where,
        )
    return path
