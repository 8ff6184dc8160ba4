"""What the documents promise is what the code does."""

import re
from pathlib import Path
from typing import Any

import typer

from herdbook.cli.main import app
from herdbook.core.errors import HerdbookError
from herdbook.recipes.schema import recipe_schema

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs"


def test_every_kind_of_failure_is_documented_with_its_status() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z-]+) \|", (DOCS / "errors.md").read_text(), re.MULTILINE)
    kinds: list[type[HerdbookError]] = [HerdbookError, *HerdbookError.__subclasses__()]
    assert set(rows) == {(str(kind.exit_status), kind.code) for kind in kinds}


def test_every_key_of_a_recipe_is_documented() -> None:
    text = (DOCS / "recipe.md").read_text()
    keys = set(recipe_schema()["properties"]) - {"schema"}
    assert {key for key in keys if not re.search(rf"^\| `{key}[`.]", text, re.MULTILINE)} == set()
    service = recipe_schema()["$defs"]["Service"]["properties"]
    assert {key for key in service if f"`service.{key}`" not in text} == set()


def test_every_command_is_in_the_readme() -> None:
    commands: Any = typer.main.get_command(app)
    text = (REPOSITORY / "README.md").read_text()
    assert {name for name in commands.commands if f"herdbook {name}" not in text} == set()


def test_decisions_say_what_they_cost() -> None:
    for page in (DOCS / "decisions").glob("*.md"):
        assert "**Costs.**" in page.read_text(), page.name


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
