"""Checks documents against a JSON Schema, as far as recipes use that language.

Every keyword that is not understood here fails the check: none is passed over in silence.
"""

import re
from typing import Any

_NOTES = {"$schema", "$defs", "title", "description", "default"}
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "object": (dict,),
    "string": (str,),
}


def problems(document: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Return what is wrong with a document, nothing if it is valid."""
    found = []
    for keyword, value in schema.items():
        if keyword not in _NOTES:
            check = _CHECKS.get(keyword)
            assert check is not None, f"the keyword {keyword} is not known to this test"
            found += check(document, value, schema, root)
    return found


def _check(fits: bool, problem: str) -> list[str]:  # noqa: FBT001
    return [] if fits else [problem]


def _type(document: Any, value: str, *_: Any) -> list[str]:
    truth = isinstance(document, bool)  # which Python takes for an integer
    fits = isinstance(document, _TYPES[value]) and (not truth or value == "boolean")
    return _check(fits, f"{document!r} is no {value}")


def _reference(document: Any, value: str, _: Any, root: dict[str, Any]) -> list[str]:
    return problems(document, root["$defs"][value.removeprefix("#/$defs/")], root)


def _any_of(document: Any, value: list[Any], _: Any, root: dict[str, Any]) -> list[str]:
    found = [problems(document, each, root) for each in value]
    return [] if [] in found else [f"{document!r} fits no choice: {found}"]


def _properties(document: Any, value: dict[str, Any], _: Any, root: dict[str, Any]) -> list[str]:
    if not isinstance(document, dict):
        return []
    return [
        f"{name}: {problem}"
        for name, schema in value.items()
        if name in document
        for problem in problems(document[name], schema, root)
    ]


def _additional(document: Any, value: Any, schema: dict[str, Any], root: Any) -> list[str]:
    if not isinstance(document, dict):
        return []
    known = set(schema.get("properties", ()))
    patterns = schema.get("patternProperties", {})
    rest = [key for key in document if key not in known]
    rest = [key for key in rest if not any(re.search(each, key) for each in patterns)]
    if value is False:
        return [f"{key} is not allowed" for key in rest]
    return [each for key in rest for each in problems(document[key], value, root)]


def _patterns(document: Any, value: dict[str, Any], _: Any, root: dict[str, Any]) -> list[str]:
    return [
        f"{key}: {problem}"
        for pattern, schema in value.items()
        for key in (document if isinstance(document, dict) else ())
        if re.search(pattern, key)
        for problem in problems(document[key], schema, root)
    ]


def _items(document: Any, value: dict[str, Any], _: Any, root: dict[str, Any]) -> list[str]:
    members = document if isinstance(document, list) else ()
    return [each for member in members for each in problems(member, value, root)]


def _required(document: Any, value: list[str], *_: Any) -> list[str]:
    known = document if isinstance(document, dict) else value
    return [f"{name} is missing" for name in value if name not in known]


def _pattern(document: Any, value: str, *_: Any) -> list[str]:
    fits = not isinstance(document, str) or re.search(value, document)
    return _check(bool(fits), f"{document!r} does not match {value}")


def _bounds(lower: bool, strict: bool = False) -> Any:  # noqa: FBT001, FBT002
    def check(document: Any, value: int, *_: Any) -> list[str]:
        size = document if isinstance(document, int) else value + (1 if lower else -1)
        fits = (size >= value if lower else size <= value) and not (strict and size == value)
        return _check(fits, f"{document!r} is out of bounds")

    return check


def _length(lower: bool) -> Any:  # noqa: FBT001
    def check(document: Any, value: int, *_: Any) -> list[str]:
        size = len(document) if isinstance(document, str | list) else value
        return _check(size >= value if lower else size <= value, f"{document!r}: wrong length")

    return check


_CHECKS: dict[str, Any] = {
    "$ref": _reference,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "const": lambda document, value, *_: _check(document == value, f"{document!r} != {value!r}"),
    "enum": lambda document, value, *_: _check(document in value, f"{document!r} not in {value}"),
    "exclusiveMinimum": _bounds(lower=True, strict=True),
    "items": _items,
    "maxLength": _length(lower=False),
    "maximum": _bounds(lower=False),
    "minItems": _length(lower=True),
    "minLength": _length(lower=True),
    "minimum": _bounds(lower=True),
    "pattern": _pattern,
    "patternProperties": _patterns,
    "properties": _properties,
    "required": _required,
    "type": _type,
}
