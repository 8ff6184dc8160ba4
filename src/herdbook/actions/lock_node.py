"""Reads the package-lock.json that a recipe names: what it holds is what the lock says of Node."""

from herdbook.actions.inputs import package_lock_of
from herdbook.builds.locked_node import LockedNode
from herdbook.builds.package_lock import read_package_lock
from herdbook.core.errors import InvalidInputError
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
