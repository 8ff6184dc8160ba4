"""Sees to it that every secret a recipe's steps ask for was given, before any work is done."""

from collections.abc import Iterator

from herdbook.core.errors import InvalidInputError
from herdbook.core.given_secrets import GivenSecrets
from herdbook.recipes.reading import RecipeFile

Place = tuple[str | int, ...]


def require_secrets(recipe_file: RecipeFile, given: GivenSecrets) -> None:
    """Raise InvalidInputError, with its line, for a secret that was not given."""
    _require(recipe_file, [*_credentials(recipe_file), *_of_steps(recipe_file)], given)


def require_credentials(recipe_file: RecipeFile, given: GivenSecrets) -> None:
    """Raise the same for what locking needs: who one is for the indexes."""
    _require(recipe_file, list(_credentials(recipe_file)), given)


def _require(recipe_file: RecipeFile, asked: list[tuple[str, Place]], given: GivenSecrets) -> None:
    for name, place in asked:
        if name not in given.files:
            raise InvalidInputError(
                f"A step asks for the secret {name!r}, which was not given",
                hint=f"Name the file that holds it: --secret {name}=FILE",
                where=recipe_file.where(*place),
            )


def _credentials(recipe_file: RecipeFile) -> Iterator[tuple[str, Place]]:
    recipe = recipe_file.recipe
    for kind, step in (("python", recipe.python), ("node", recipe.node)):
        if step and step.credentials:
            yield step.credentials, (kind, "credentials")


def _of_steps(recipe_file: RecipeFile) -> Iterator[tuple[str, Place]]:
    for number, step in enumerate(recipe_file.recipe.run):
        for position, name in enumerate(step.secrets):
            yield name, ("run", number, "secrets", position)
