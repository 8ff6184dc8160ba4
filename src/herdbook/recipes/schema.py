"""Publishes the JSON Schemas of the files people write, for editors and for other tools."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.recipes.catalogue_file import Catalogue
from herdbook.recipes.model import Recipe

_MODELS: Mapping[str, type[BaseModel]] = {"catalogue": Catalogue, "recipe": Recipe}

_ELSEWHERE = ("application", "channels")
"""Whose schemas are published where those files are read."""


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe file."""
    return schema_named("recipe")


def schema_named(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file; raises InvalidInputError."""
    if kind not in _MODELS:
        known = (*_ELSEWHERE, *_MODELS)
        hint = did_you_mean(kind, known, f"There are: {', '.join(known)}.")
        raise InvalidInputError(f"There is no schema of {kind!r}", hint=hint)
    return schema_of(_MODELS[kind])


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what a model reads."""
    schema = model.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
