"""Reads `x-herdbook` and publishes its JSON Schema, for editors."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from herdbook.compose.tree import Node, place_of, plain
from herdbook.compose.values import Value
from herdbook.compose.wishes import ApplicationWishes, ServiceWishes
from herdbook.core.errors import InvalidInputError
from herdbook.core.model_fields import fields_at
from herdbook.core.nearest import did_you_mean

KEY = "x-herdbook"
Model = TypeVar("Model", bound=BaseModel)


def read_wishes(value: Value, model: type[Model]) -> Model:
    """Return what a service or an application says under `x-herdbook`; raises InvalidInputError."""
    written = value.get(KEY)
    if written is None:
        return model()
    try:
        return model.model_validate(plain(written.node))
    except ValidationError as error:
        raise _refusal(written, error, model) from error


def wishes_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `x-herdbook`, in services and at the top."""
    service = ServiceWishes.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    top = ApplicationWishes.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    shared = {**service.pop("$defs", {}), **top.pop("$defs", {})}
    services = {"additionalProperties": {"properties": {KEY: {"$ref": "#/$defs/ServiceWishes"}}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Herdbook's keys in a Compose file",
        "type": "object",
        "properties": {
            KEY: {"$ref": "#/$defs/ApplicationWishes"},
            "services": {"type": "object", **services},
        },
        "$defs": {**shared, "ServiceWishes": service, "ApplicationWishes": top},
    }


def _refusal(written: Value, errors: ValidationError, model: type[BaseModel]) -> InvalidInputError:
    """Return the worst mistake; an unknown key first, for it may explain what is missing."""
    error = min(errors.errors(), key=lambda each: each["type"] != "extra_forbidden")
    missing = error["type"] == "missing"
    place = error["loc"] if missing else _written_place(error["loc"], written.node)
    name = ".".join((written.name, *(str(part) for part in place)))
    where = place_of(written.node, place)
    if error["type"] == "extra_forbidden":
        known = fields_at(place[:-1], model)
        hint = did_you_mean(str(place[-1]), known, f"Known here are {', '.join(sorted(known))}.")
        return InvalidInputError(f"There is no key {name!r}", hint=hint, where=where)
    if missing:
        return InvalidInputError(f"The key {name!r} is missing", where=where)
    said = error["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float) else ""
    return InvalidInputError(f"{name}: {said}{shown}", where=where)


def _written_place(place: tuple[str | int, ...], written: Node) -> tuple[str | int, ...]:
    """Return the part of pydantic's place that people wrote: it names a union's members, too."""
    here: Node | None = written
    for length, part in enumerate(place):
        fields = here.fields if here else {}
        items = here.items if here else ()
        if isinstance(part, int) and part < len(items):
            here = items[part]
        elif part in fields:
            here = fields[str(part)]
        else:
            return place[:length]
    return place
