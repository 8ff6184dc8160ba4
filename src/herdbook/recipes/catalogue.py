"""The catalogue file: which recipes belong together, and how their layers are to be planned."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.model import PackageName, Strict
from herdbook.recipes.reading import RecipeFile, read_recipe
from herdbook.recipes.yaml_files import Kind, read_yaml

CATALOGUE_NAME = "catalogue.yaml"
_CATALOGUE = Kind(
    noun="catalogue",
    beginning="Write for instance: recipes: [images/*.yaml]",
    more="See: herdbook schema catalogue",
    examples={
        "recipes": "recipes: [images/*.yaml]",
        "layers.hot": "hot: [openssl]",
        "layers.cold": "cold: [tzdata]",
    },
)


class LayerWishes(Strict):
    """What the update history does not know: sources by name."""

    hot: Annotated[
        tuple[PackageName, ...],
        Field(description="Source packages that get a layer of their own in any case."),
    ] = ()
    cold: Annotated[
        tuple[PackageName, ...],
        Field(description="Source packages that are taken for never updated."),
    ] = ()

    @field_validator("cold")
    @classmethod
    def _not_both(cls, cold: tuple[str, ...], before: ValidationInfo) -> tuple[str, ...]:
        if both := set(cold) & set(before.data.get("hot", ())):
            raise ValueError(f"names {min(both)!r}, which is in `hot` too")
        return cold


class Catalogue(Strict):
    """Recipes that belong together: their layers are planned together."""

    recipes: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        Field(min_length=1, description="Paths and patterns, relative to the catalogue."),
    ]
    layers: LayerWishes = LayerWishes()
    schema_: Annotated[Literal[1], Field(alias="schema")] = 1


@dataclass(frozen=True)
class CatalogueFolder:
    """A folder whose recipes share a layer plan, by a catalogue file or because they lie there."""

    folder: Path
    recipes: tuple[Path, ...]
    wishes: LayerWishes = field(default_factory=LayerWishes)


def read_catalogue(path: Path) -> CatalogueFolder:
    """Read a catalogue file; raises InvalidInputError where a pattern finds nothing."""
    file = read_yaml(path, Catalogue, _CATALOGUE)
    found: dict[Path, None] = {}
    for number, pattern in enumerate(file.content.recipes):
        paths = list(_found(path.parent, pattern))
        if not paths:
            line = file.lines.get(("recipes", number), 1)
            raise InvalidInputError(
                f"There is no recipe {pattern!r} in {path.parent.absolute()}",
                hint="Patterns are relative to the catalogue's folder, such as images/*.yaml.",
                where=f"{path}:{line}",
            )
        found |= dict.fromkeys(paths)
    return CatalogueFolder(path.parent, tuple(found), file.content.layers)


def recipes_in(paths: Iterable[Path]) -> list[RecipeFile]:
    """Return the recipes that files name, each once; catalogues name all of theirs."""
    named: dict[Path, Path] = {}
    for path in paths:
        listed = read_catalogue(path).recipes if path.name == CATALOGUE_NAME else [path]
        named |= {each.absolute(): each for each in listed}
    return _each_its_own_image([read_recipe(path) for path in named.values()])


def _each_its_own_image(recipe_files: list[RecipeFile]) -> list[RecipeFile]:
    """Return the recipes; raises InvalidInputError where two of them make one image."""
    first: dict[str, RecipeFile] = {}
    for recipe_file in recipe_files:
        other = first.setdefault(recipe_file.recipe.image, recipe_file)
        if other is not recipe_file:
            raise InvalidInputError(
                f"The image {recipe_file.recipe.image} is made by {other.path} too",
                hint="Give one of them another name.",
                where=recipe_file.where("image"),
            )
    return recipe_files


def catalogue_of(recipe: Path) -> CatalogueFolder:
    """Return the catalogue a recipe belongs to: the nearest that lists it, or its own folder."""
    recipe = recipe.absolute()
    for folder in recipe.parents:
        path = folder / CATALOGUE_NAME
        if path.is_file():
            catalogue = read_catalogue(path)
            if recipe in catalogue.recipes:
                return catalogue
    return CatalogueFolder(recipe.parent, (recipe,))


def _found(folder: Path, pattern: str) -> Iterator[Path]:
    try:
        matches = sorted(folder.absolute().glob(pattern))
    except (NotImplementedError, ValueError):  # an absolute pattern, or a wrong one
        return
    yield from (path for path in matches if path.is_file() and path.name != CATALOGUE_NAME)
