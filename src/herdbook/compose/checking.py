"""Holds a Compose file against the official schema and says in people's words what is wrong."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from herdbook.compose.tree import Node, place_of, plain
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_MOST_SHOWN = 40


def official_schema() -> dict[str, Any]:
    """Return the Compose specification's own JSON Schema (draft 7), unchanged."""
    text = (resources.files("herdbook.compose") / "schema" / "compose-spec.json").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def check(document: Node) -> None:
    """Refuse a file that the schema refuses; raises InvalidInputError with file and line.

    What is missing is no mistake here: another file may add it, and what reads the merged files
    misses it then. A text is taken for true or false, for a variable gives a text.
    """
    errors = [_innermost(error) for error in _validator().iter_errors(plain(document))]
    if errors:
        # An unknown key explains best what else is wrong around it.
        raise _refusal(document, min(errors, key=_rank))


@cache
def _validator() -> Draft7Validator:
    schema = _tolerant(official_schema())
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def _tolerant(schema: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(schema, list):
        return [_tolerant(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _tolerant(each)
        for key, each in schema.items()
        if not (key == "required" and isinstance(each, list))
    }
    return kept | {"type": ["boolean", "string"]} if kept.get("type") == "boolean" else kept


def _rank(error: ValidationError) -> tuple[bool, list[str]]:
    return error.validator != "additionalProperties", [str(part) for part in error.absolute_path]


def _innermost(error: ValidationError) -> ValidationError:
    """Return what is wrong in the alternative that was meant: the one of the value's own kind."""
    while error.context:
        own = [each for each in error.context if each.validator != "type" or each.path]
        if not own:
            return error
        error = min(own, key=lambda each: (-len(each.path), *_rank(each)))
    return error


def _refusal(document: Node, error: ValidationError) -> InvalidInputError:
    place = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        return _unknown_key(document, place, error)
    name = ".".join(str(part) for part in place)
    said, hint = _said(error)
    return InvalidInputError(f"{name}: {said}", hint=hint, where=place_of(document, place))


def _unknown_key(
    document: Node, place: tuple[str | int, ...], error: ValidationError
) -> InvalidInputError:
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, Mapping) else {}
    known = schema.get("properties", {})
    patterns = schema.get("patternProperties", {})
    instance: Mapping[str, Any] = error.instance if isinstance(error.instance, Mapping) else {}
    wrong = next(key for key in instance if not _fits(key, known, patterns))
    where = place_of(document, (*place, wrong))
    name = ".".join(str(part) for part in (*place, wrong))
    if not known:
        return InvalidInputError(
            f"{name}: {wrong!r} is not a name that Compose takes here",
            hint="Use letters, digits, dots, hyphens and underscores.",
            where=where,
        )
    hint = did_you_mean(wrong, known, f"Known here are {', '.join(sorted(known))}.")
    return InvalidInputError(f"There is no key {name!r} in a Compose file", hint=hint, where=where)


def _fits(key: str, known: Mapping[str, Any], patterns: Iterable[str]) -> bool:
    return key in known or any(re.search(each, key) for each in patterns)


def _said(error: ValidationError) -> tuple[str, str]:
    """Return what is wrong with a value, and what to do about it."""
    given = _shown(error.instance)
    wanted = error.validator_value
    if error.validator == "enum" and isinstance(wanted, list):
        words = [str(each) for each in wanted]
        hint = did_you_mean(str(error.instance), words, f"It is one of {', '.join(words)}.")
        return f"{given} is not known here", hint
    if error.validator == "uniqueItems":
        return "something is listed twice", "Keep one of them."
    if error.validator in ("minimum", "maximum"):
        word = "small" if error.validator == "minimum" else "large"
        return f"{given} is too {word}", f"The {error.validator} is {wanted}."
    if error.validator == "pattern":
        return f"{given} is not how it is written", f"It has the form {wanted}"
    return f"{given} is not what belongs here", _wanted_kinds(error)


def _wanted_kinds(error: ValidationError) -> str:
    kinds: list[str] = []
    for each in error.context or [error]:
        value = each.validator_value
        kinds += [value] if isinstance(value, str) else []
        kinds += [str(kind) for kind in value] if isinstance(value, list) else []
    words = [_KINDS[kind] for kind in dict.fromkeys(kinds) if kind in _KINDS]
    if kinds == ["string"] and isinstance(error.instance, int | float):
        return "It is text: put it in quotes."
    return f"It is {' or '.join(words)}." if words else "See the Compose specification."


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
