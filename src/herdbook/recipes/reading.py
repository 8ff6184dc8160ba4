"""Reads a recipe file; says of every mistake in which line it is and what was meant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.recipes.model import Recipe

_MAXIMUM_BYTES = 1 << 20
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class RecipeFile:
    """A recipe with where it was read from; `lines` maps places in it to line numbers from 1."""

    path: Path
    recipe: Recipe
    lines: Mapping[Place, int]

    @property
    def folder(self) -> Path:
        """The folder that paths in the recipe are relative to."""
        return self.path.parent

    def where(self, *place: str | int) -> str:
        """Return `file:line` of a place such as `packages`, 2; the nearest line that is known."""
        return _where(self.path, self.lines, place)


def read_recipe(path: Path) -> RecipeFile:
    """Read and check a recipe; raises NotFoundError or InvalidInputError with file and line."""
    text = _read(path)
    try:
        node = yaml.compose(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInputError(
            "A recipe is a mapping of keys to values",
            hint="Start from an example: herdbook init",
            where=f"{path}:1",
        )
    lines = dict(_lines(node, ()))
    _refuse_duplicates(path, node, ())
    data = yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader, by name below
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise _refusal(path, lines, error.errors()[0]) from error
    return RecipeFile(path, recipe, lines)


def _loader() -> Any:  # noqa: ANN401 - the C loader has no type of its own
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise InvalidInputError("This file is too large for a recipe", where=str(path))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(
            f"There is no recipe {path}", hint="Make one with: herdbook init"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"The recipe cannot be read: {error}", where=str(path)) from error


def _not_yaml(path: Path, error: yaml.YAMLError) -> InvalidInputError:
    mark = getattr(error, "problem_mark", None)
    where = f"{path}:{mark.line + 1}" if mark else str(path)
    problem = getattr(error, "problem", None) or str(error)
    return InvalidInputError(
        f"This is not YAML: {problem}", hint="Check indentation, quotes and tabs.", where=where
    )


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield from _lines(value, inner)
            yield inner, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*place, number))


def _refuse_duplicates(path: Path, node: yaml.Node, place: Place) -> None:
    """Refuse a key given twice: YAML forbids it, PyYAML silently takes the last."""
    if isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _refuse_duplicates(path, value, (*place, number))
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if key.value in seen:
            raise InvalidInputError(
                f"The key {key.value!r} is given twice",
                hint="Keep one of them.",
                where=f"{path}:{key.start_mark.line + 1}",
            )
        seen.add(key.value)
        _refuse_duplicates(path, value, (*place, str(key.value)))


def _refusal(path: Path, lines: Mapping[Place, int], error: ErrorDetails) -> InvalidInputError:
    place = tuple(error["loc"])
    where = _where(path, lines, place)
    name = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        hint = did_you_mean(str(place[-1]), known, f"Known here are {', '.join(sorted(known))}.")
        return InvalidInputError(f"There is no key {name!r} in a recipe", hint=hint, where=where)
    if error["type"] == "missing":
        return InvalidInputError(f"The key {name!r} is missing", where=where, hint=_example(name))
    said = error["msg"].removeprefix("Value error, ")
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    message = f"{name}: {said}{shown}" if name else said
    return InvalidInputError(message, where=where, hint=_example(name))


def _example(name: str) -> str:
    examples = {
        "from": "Write for instance: from: debian:bookworm",
        "image": "Write for instance: image: shop/web",
        "service.command": "Write for instance: command: [python3, -m, web]",
    }
    return examples.get(name, "See what is allowed with: herdbook schema recipe")


def _where(path: Path, lines: Mapping[Place, int], place: Place) -> str:
    for length in range(len(place), -1, -1):
        if line := lines.get(place[:length]):
            return f"{path}:{line}"
    return str(path)


def _known_keys(place: Place) -> set[str]:
    """Return the keys the model knows at a place, following the place through its fields."""
    model: type[BaseModel] = Recipe
    for part in place:
        if isinstance(part, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            return set()
        model = _model_in(fields[part].annotation) or model
    return {field.alias or name for name, field in model.model_fields.items()}


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if model := _model_in(argument):
            return model
    return None
