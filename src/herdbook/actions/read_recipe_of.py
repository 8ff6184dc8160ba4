"""Reads the recipe that a version was built from, as the register keeps it."""

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.core.errors import HerdbookError
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import read_recipe


def read_recipe_of(workshop: Workshop, version: Version) -> Recipe | None:
    """Return a version's recipe, None where it was written for another Herdbook."""
    with workshop.staging() as folder:
        path = folder / "herdbook.yaml"
        path.write_text(version.recipe)
        try:
            return read_recipe(path).recipe
        except HerdbookError:
            return None
