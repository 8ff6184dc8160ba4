"""Finds what pydantic models declare at a place, to say which keys are known there."""

from typing import get_args

from pydantic import BaseModel, Tag

Place = tuple[str | int, ...]
"""Keys and numbers that lead to a value; pydantic puts the tags of unions among them."""


def fields_at(place: Place, model: type[BaseModel]) -> set[str]:
    """Return the keys that may stand at a place, as people write them; none for a plain value."""
    inner = _model_in(_annotation_at(place, model))
    return set(_fields(inner)) if inner else set()


def is_tag(place: Place, part: str | int, model: type[BaseModel]) -> bool:
    """Tell whether `part`, after a place, is no key but the name of a tagged union's member."""
    return bool(place) and part in _members(_annotation_at(place, model))


def _annotation_at(place: Place, model: type[BaseModel]) -> object:
    """Return what is declared at a place, following the place through the models' fields."""
    here: object = model
    for part in place:
        if isinstance(part, int):
            continue
        if members := _members(here):
            here = members.get(part)
        elif inner := _model_in(here):
            here = _fields(inner).get(part)
        if here is None:
            break
    return here


def _fields(model: type[BaseModel]) -> dict[str, object]:
    return {
        field.alias or name: (field.annotation, *field.metadata)
        for name, field in model.model_fields.items()
    }


def _members(declared: object) -> dict[str, type[BaseModel]]:
    """Return the models of a tagged union by tag; none where the declaration holds none."""
    parts = declared if isinstance(declared, tuple) else get_args(declared)
    tags = [part.tag for part in parts if isinstance(part, Tag)]
    inner = _model_in(declared)
    if tags and inner:
        return {tags[0]: inner}
    found: dict[str, type[BaseModel]] = {}
    for part in parts:
        found |= _members(part)
    return found


def _model_in(declared: object) -> type[BaseModel] | None:
    if isinstance(declared, type) and issubclass(declared, BaseModel):
        return declared
    for part in declared if isinstance(declared, tuple) else get_args(declared):
        if model := _model_in(part):
            return model
    return None
