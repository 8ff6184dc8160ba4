"""The published schema allows what Herdbook reads, and what it does not allow is not read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from json_schema import problems

import herdbook
from herdbook.core.errors import InvalidInputError
from herdbook.recipes.reading import read_recipe
from herdbook.recipes.schema import recipe_schema, schema_named

TOP = Path(__file__).parents[3]
SKELETON = Path(herdbook.__file__).parent / "actions" / "skeleton" / "herdbook.yaml"
RECIPES = [*sorted(TOP.glob("examples/**/herdbook.yaml")), SKELETON]
SCHEMA = recipe_schema()
HEAD = "image: web\nfrom: debian:bookworm\n"


def wrong_with(text: str) -> list[str]:
    document: Any = yaml.safe_load(text)
    return problems(document, SCHEMA, SCHEMA)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.parent.name)
def test_shipped_recipes_fit_the_schema_and_are_read(path: Path, tmp_path: Path) -> None:
    text = path.read_text().replace("IMAGE_NAME", "example/web")
    assert wrong_with(text) == []
    (tmp_path / "herdbook.yaml").write_text(text)
    assert read_recipe(tmp_path / "herdbook.yaml").recipe.image


def test_there_are_examples_to_check() -> None:
    assert len(RECIPES) > 1


@pytest.mark.parametrize(
    "more",
    [
        "vm: {memory: 512M}",
        "vm: {memory: 1073741824, disk: 4 GiB}",
        "run: [echo a line, [echo, a, list, 3]]",
        "service: {command: [run, 8080], env: {PORT: 8080}}",
        "service: {command: [run], health: null, ports: [80]}",
        "files: [{from: a, to: /a, mode: '0644'}]",
        "files: [{from: a, to: /a, mode: 644}]",
        "schema: 1",
        "variants: [vm]",
        "user: web",
    ],
)
def test_what_is_read_fits_the_schema(tmp_path: Path, more: str) -> None:
    (tmp_path / "herdbook.yaml").write_text(HEAD + more)
    read_recipe(tmp_path / "herdbook.yaml")
    assert wrong_with(HEAD + more) == []


@pytest.mark.parametrize(
    "more",
    [
        "package: [a]",
        "from_: debian:bookworm",
        "packages: a",
        "packages: [A]",
        "vm: {memory: much}",
        "vm: {memory: 0}",
        "vm: {memory: true}",
        "vm: {cpus: 65}",
        "run: [[]]",
        "run: [3]",
        "run: [{a: b}]",
        "service: {}",
        "service: {command: []}",
        "service: {command: [x], ports: [0]}",
        "service: {command: [x], env: {A: 1.5}}",
        "service: {command: [x], env: {A-B: x}}",
        "variants: []",
        "variants: [iso]",
        "schema: 2",
        "user: Web",
        "image: Web",
    ],
)
def test_what_does_not_fit_the_schema_is_not_read(tmp_path: Path, more: str) -> None:
    text = more + "\n" + HEAD if more.startswith("image") else HEAD + more
    (tmp_path / "herdbook.yaml").write_text(text)
    with pytest.raises(InvalidInputError):
        read_recipe(tmp_path / "herdbook.yaml")
    if not more.startswith("image"):
        assert wrong_with(text) != []


def test_the_schema_names_its_language_and_describes_its_keys() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["additionalProperties"] is False
    assert SCHEMA["required"] == ["image", "from"]
    json.dumps(SCHEMA)


def test_the_documentation_has_every_key() -> None:
    documented = (TOP / "docs" / "recipe.md").read_text()
    rows = set(re.findall(r"^\| `([a-z]+)[a-z.]*` \|", documented, re.MULTILINE))
    assert rows == set(SCHEMA["properties"]) - {"schema"}


def test_there_is_a_schema_of_every_file_that_people_write() -> None:
    assert schema_named("recipe") == SCHEMA
    assert set(schema_named("catalogue")["properties"]) == {
        *("recipes", "name", "defaults", "axes", "exclude", "include", "limit", "layers", "schema")
    }
    with pytest.raises(InvalidInputError) as caught:
        schema_named("lock")
    assert "recipe" in caught.value.hint
