"""A catalogue names its recipes by pattern; every mistake in it is told with its line."""

from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.catalogue import catalogue_of, read_catalogue, recipes_in

RECIPE = "image: {name}\nfrom: debian:bookworm\n"


def catalogue(folder: Path, text: str, *names: str) -> Path:
    (folder / "images").mkdir(exist_ok=True)
    for name in names:
        (folder / "images" / f"{name}.yaml").write_text(RECIPE.format(name=name))
    path = folder / "catalogue.yaml"
    path.write_text(text)
    return path


def test_patterns_name_recipes_once_and_in_order(tmp_path: Path) -> None:
    path = catalogue(tmp_path, "recipes: [images/b.yaml, 'images/*.yaml']\n", "a", "b", "c")
    found = read_catalogue(path)
    assert [each.name for each in found.recipes] == ["b.yaml", "a.yaml", "c.yaml"]
    assert [each.recipe.image for each in recipes_in([path, tmp_path / "images/a.yaml"])] == [
        *("b", "a", "c")
    ]


def test_a_recipe_belongs_to_the_catalogue_that_lists_it(tmp_path: Path) -> None:
    path = catalogue(tmp_path, "recipes: [images/a.yaml]\nlayers: {hot: [tar]}\n", "a", "b")
    listed = catalogue_of(tmp_path / "images/a.yaml")
    assert (listed.folder, listed.wishes.hot) == (path.parent, ("tar",))
    alone = catalogue_of(tmp_path / "images/b.yaml")
    assert (alone.folder, alone.recipes) == (tmp_path / "images", (tmp_path / "images/b.yaml",))


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("recipes: [images/*.yml]\n", 1, "images/*.yml"),
        ("recipes:\n  - images/a.yaml\n  - images/z.yaml\n", 3, "z.yaml"),
        ("recipes: []\n", 1, "recipes"),
        ("recipes: [images/a.yaml]\nlayer: {}\n", 2, "layer"),
        ("recipes: [images/a.yaml]\nlayers: {hot: [tar], cold: [tar]}\n", 2, "tar"),
        ("recipes: [images/a.yaml]\nlayers: {hott: [tar]}\n", 2, "hott"),
        ("recipes: [/etc/*]\n", 1, "/etc"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, word: str) -> None:
    path = catalogue(tmp_path, text, "a")
    with pytest.raises(InvalidInputError) as caught:
        read_catalogue(path)
    assert caught.value.where == f"{path}:{line}"
    assert word in caught.value.message


def test_two_recipes_of_one_image_are_refused(tmp_path: Path) -> None:
    path = catalogue(tmp_path, "recipes: [images/*.yaml]\n", "a", "b")
    (tmp_path / "images/b.yaml").write_text(RECIPE.format(name="a"))
    with pytest.raises(InvalidInputError, match="is made by") as caught:
        recipes_in([path])
    assert caught.value.where == f"{tmp_path / 'images/b.yaml'}:1"
