"""A catalogue's axes make recipes, each combination once; mistakes are told with their line."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.catalogue import read_catalogue, recipes_in
from herdbook.recipes.matrix import Matrix, Value
from herdbook.recipes.merging import merge

CATALOGUE = """\
name: "demo/{framework}-{suite}"
defaults:
  from: "debian:{suite}"
  packages: [ca-certificates]
  service: {ports: [8080], env: {NAME: "{framework}", BRACES: "${PORT} {other}"}}
axes:
  suite:
    bookworm:
    trixie: {packages: [tzdata, ca-certificates]}
  language:
    python: {packages: [python3]}
    node: {packages: [nodejs]}
  framework:
    flask:
      only: {language: python}
      service: {command: [python3, -m, flask], env: {PORT: 8080}}
    express:
      only: {language: [node]}
      service: {command: [node, web.js]}
exclude:
  - {suite: [trixie], framework: express}
"""


def write(folder: Path, text: str = CATALOGUE) -> Path:
    path = folder / "catalogue.yaml"
    path.write_text(text)
    return path


def test_each_combination_becomes_a_recipe_of_all_its_parts(tmp_path: Path) -> None:
    found = {each.recipe.image: each for each in recipes_in([write(tmp_path)])}
    assert list(found) == ["demo/flask-bookworm", "demo/express-bookworm", "demo/flask-trixie"]
    flask = found["demo/flask-trixie"]
    assert flask.combination == "suite=trixie, language=python, framework=flask"
    assert flask.folder == tmp_path
    recipe = flask.recipe
    assert recipe.suite == "trixie"
    assert recipe.packages == ("ca-certificates", "tzdata", "python3")
    assert recipe.service is not None
    assert recipe.service.command == ("python3", "-m", "flask")
    assert recipe.service.ports == (8080,)
    env = {"NAME": "flask", "BRACES": "${PORT} {other}", "PORT": "8080"}
    assert dict(recipe.service.env) == env


def test_what_is_included_comes_besides_and_once(tmp_path: Path) -> None:
    more = (
        "include:\n"
        "  - {suite: trixie, language: node, framework: express}\n"
        "  - {suite: bookworm, language: python, framework: flask}\n"
    )
    images = [each.recipe.image for each in recipes_in([write(tmp_path, CATALOGUE + more)])]
    assert images.count("demo/flask-bookworm") == 1
    assert images[-1] == "demo/express-trixie"
    assert len(images) == 4


def test_recipes_may_be_listed_besides(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("image: own\nfrom: debian:bookworm\n")
    path = write(tmp_path, CATALOGUE + "recipes: [own.yaml]\n")
    assert {each.recipe.image for each in recipes_in([path])} > {"own", "demo/flask-trixie"}
    assert {each.recipe.image for each in read_catalogue(path).every()} > {"own"}


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("[trixie], framework", "[trixi], framework", 21, ("trixi", "trixie")),
        ("framework: express}", "framwork: express}", 21, ("framwork", "framework")),
        ("only: {language: python}", "only: {language: pyton}", 15, ("pyton", "python")),
        ("only: {language: python}", "only: {framework: express}", 15, ("framework", "earlier")),
        ("only: {language: python}", "only: python", 15, ("only",)),
        ("only: {language: python}", "only: {language: []}", 15, ("only",)),
        ("only: {language: python}", "only: {language: [[python]]}", 15, ("only",)),
        ("demo/{framework}", "demo/{framewrok}", 1, ("framewrok", "framework")),
        ("packages: [python3]", "pakages: [python3]", 11, ("pakages", "packages", "flask")),
        ("ports: [8080]", "ports: [99999]", 5, ("ports", "flask")),
        ("command: [node, web.js]", "comand: [node]", 19, ("comand", "express")),
        ("demo/{framework}-{suite}", "demo/{framework}", 1, ("demo/flask", "suite=bookworm")),
        ('name: "demo/{framework}-{suite}"\n', "", 1, ("name",)),
        ("[trixie], framework: express", "[trixie, bookworm]", 6, ("No combination",)),
        ("exclude:", "limit: 2\nexclude:", 20, ("more than 2", "8")),
    ],
)
def test_a_mistake_is_told_with_its_line(
    tmp_path: Path, before: str, after: str, line: int, words: tuple[str, ...]
) -> None:
    assert before in CATALOGUE
    path = write(tmp_path, CATALOGUE.replace(before, after))
    with pytest.raises(InvalidInputError) as caught:
        recipes_in([path])
    said = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in said] == []
    assert caught.value.where == f"{path}:{line}"


def test_what_the_names_of_values_make_equal_is_there_once(tmp_path: Path) -> None:
    text = CATALOGUE.replace("packages: [ca-certificates]", 'packages: ["lib{suite}"]')
    (found,) = [
        each.recipe
        for each in recipes_in([write(tmp_path, text.replace("[tzdata,", "[libtrixie,"))])
        if each.recipe.image == "demo/flask-trixie"
    ]
    assert found.packages == ("libtrixie", "ca-certificates", "python3")


PARTS = some.recursive(
    some.integers(0, 3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text("ab"), inner),
    max_leaves=6,
)


@given(PARTS)
def test_merging_a_part_with_itself_changes_nothing(part: Any) -> None:
    assert merge(part, part) == part


AXES = {"a": ("1", "2", "3"), "b": ("4", "5"), "c": ("6", "7")}
PATTERNS = some.dictionaries(
    some.sampled_from(list(AXES)),
    some.frozensets(some.sampled_from("1234567"), min_size=1, max_size=3),
    min_size=1,
)


@given(some.lists(PATTERNS, max_size=3), PATTERNS)
def test_the_product_is_what_a_plain_filter_leaves(
    exclude: list[dict[str, frozenset[str]]], only: dict[str, frozenset[str]]
) -> None:
    """Cutting off branches early makes no difference."""
    only.pop("c", None)
    axes = {
        axis: {value: Value({}, only if value == "7" else {}) for value in values}
        for axis, values in AXES.items()
    }
    found = list(Matrix("x", axes, exclude).combinations())

    def stays(values: tuple[str, ...]) -> bool:
        chosen = dict(zip(AXES, values, strict=True))
        fits = chosen["c"] != "7" or all(chosen[axis] in some for axis, some in only.items())
        return fits and not any(
            all(chosen[axis] in allowed for axis, allowed in rule.items()) for rule in exclude
        )

    assert found == [values for values in product(*AXES.values()) if stays(values)]
