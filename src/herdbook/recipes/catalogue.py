"""The catalogue: which recipes belong together, listed one by one or made from a matrix."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.catalogue_file import CATALOGUE, Catalogue, LayerWishes, matrix_of
from herdbook.recipes.merging import Merger
from herdbook.recipes.reading import RecipeFile, read_recipe
from herdbook.recipes.yaml_files import read_yaml

CATALOGUE_NAME = "catalogue.yaml"


@dataclass(frozen=True)
class CatalogueFolder:
    """A folder whose recipes share a layer plan, by a catalogue file or because they lie there.

    `merger` makes the recipes of the catalogue's axes, where it has some.
    """

    folder: Path
    recipes: tuple[Path, ...]
    wishes: LayerWishes = field(default_factory=LayerWishes)
    merger: Merger | None = None

    @property
    def is_single(self) -> bool:
        """Whether there is but one recipe."""
        return self.merger is None and len(self.recipes) == 1

    def made(self) -> Iterator[RecipeFile]:
        """Yield the recipes of the matrix, one after the other, none of which is kept."""
        if self.merger is not None:
            yield from map(self.merger.recipe, self.merger.matrix.combinations())

    def count(self) -> int:
        """Return how many recipes there are."""
        made = sum(1 for _ in self.merger.matrix.combinations()) if self.merger else 0
        return len(self.recipes) + made

    def every(self) -> Iterator[RecipeFile]:
        """Yield all recipes; raises InvalidInputError where two of them make one image."""
        yield from _each_its_own_image(chain(map(read_recipe, self.recipes), self.made()))


def read_catalogue(path: Path) -> CatalogueFolder:
    """Read a catalogue file; raises InvalidInputError where a pattern finds nothing."""
    file = read_yaml(path, Catalogue, CATALOGUE)
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
    matrix = matrix_of(file) if file.content.axes else None
    merger = Merger(path, matrix, file.lines) if matrix else None
    return CatalogueFolder(path.parent, tuple(found), file.content.layers, merger)


def recipes_in(paths: Iterable[Path]) -> list[RecipeFile]:
    """Return the recipes that files name, each once; catalogues name all of theirs."""
    named: dict[Path, Path] = {}
    made: list[RecipeFile] = []
    for path in paths:
        listed: Iterable[Path] = [path]
        if path.name == CATALOGUE_NAME:
            catalogue = read_catalogue(path)
            listed, made = catalogue.recipes, [*made, *catalogue.made()]
        named |= {each.absolute(): each for each in listed}
    return list(_each_its_own_image(chain(map(read_recipe, named.values()), made)))


def _each_its_own_image(recipe_files: Iterable[RecipeFile]) -> Iterator[RecipeFile]:
    """Yield the recipes; raises InvalidInputError where two of them make one image."""
    first: dict[str, tuple[Path, Mapping[str, str]]] = {}
    for recipe_file in recipe_files:
        own = (recipe_file.path, recipe_file.values)
        path, values = first.setdefault(recipe_file.recipe.image, own)
        if (path, values) != own:
            label = ", ".join(f"{axis}={value}" for axis, value in values.items())
            also = f"the combination {label}" if label else str(path)
            raise InvalidInputError(
                f"The image {recipe_file.recipe.image} is made by {also} too",
                hint="Give one of them another name.",
                where=recipe_file.where("image"),
            )
        yield recipe_file


def catalogue_of(recipe: Path) -> CatalogueFolder:
    """Return the catalogue a recipe belongs to: the nearest that lists it, or its own folder."""
    if recipe.name == CATALOGUE_NAME:  # one of its matrix
        return read_catalogue(recipe)
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
