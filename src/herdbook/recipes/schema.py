"""Publishes the recipe's JSON Schema, for editors and for checks in other tools."""

from typing import Any

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.model import Recipe


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe file."""
    schema = Recipe.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_named(kind: str) -> dict[str, Any]:
    """Return the schema of a kind of file; raises InvalidInputError for an unknown kind."""
    if kind != "recipe":
        raise InvalidInputError(f"There is no schema of {kind!r}", hint="There is: recipe.")
    return recipe_schema()
