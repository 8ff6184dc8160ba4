"""Reads a YAML file into a model; says of every mistake in which line it is and what was meant."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from herdbook.core.errors import InvalidInputError
from herdbook.core.model_fields import Place, fields_at, is_tag
from herdbook.core.nearest import did_you_mean
from herdbook.core.yaml_texts import events, not_yaml, read_text, safe_loader

_MAXIMUM_DEPTH = 20
_DECIMAL = re.compile(r"^(?:0|-?[1-9][0-9]{0,17})$")
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Kind:
    """A kind of file: what people call it, how to begin one, and an example for each key."""

    noun: str
    beginning: str
    more: str
    examples: Mapping[str, str]


@dataclass(frozen=True)
class YamlFile(Generic[Model]):
    """What a file holds, the text it was read as, and the line (from 1) of every place in it."""

    path: Path
    content: Model
    lines: Mapping[Place, int]
    text: str


def read_yaml(path: Path, model: type[Model], kind: Kind) -> YamlFile[Model]:
    """Read and check a file; raises NotFoundError or InvalidInputError with file and line."""
    text = read_text(path, kind.noun, kind.beginning)
    try:
        _refuse_tricks(path, text, kind)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise not_yaml(str(path), error) from error
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInputError(
            f"A {kind.noun} is a mapping of keys to values",
            hint=kind.beginning,
            where=f"{path}:1",
        )
    lines = dict(_lines(node, ()))
    _refuse_duplicates(path, node)
    try:
        content = model.model_validate(yaml.load(text, Loader=_LOADER))  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise not_yaml(str(path), error) from error
    except ValidationError as error:
        raise refusal(path, lines, error, model, kind) from error
    return YamlFile(path, content, lines, text)


# 010, 1_000, 12:30 and 2026-01-02 are text, as people see them. Only plain decimals are numbers, as
# in YAML 1.2; PyYAML reads YAML 1.1.
_LOADER = safe_loader("RecipeLoader", ("int", "timestamp"), {"int": (_DECIMAL, "-0123456789")})


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


def _refuse_tricks(path: Path, text: str, kind: Kind) -> None:
    """Refuse what lets a few bytes stand for endlessly many, or crash a parser written in C."""
    for event, depth, line in events(text, _LOADER):
        trick = (
            ("an alias (*)" if isinstance(event, yaml.AliasEvent) else "")
            or ("a tag (!)" if getattr(event, "tag", None) else "")
            or (f"more than {_MAXIMUM_DEPTH} levels" if depth > _MAXIMUM_DEPTH else "")
        )
        if trick:
            raise InvalidInputError(
                f"A {kind.noun} does without {trick}",
                hint="Write out what is meant.",
                where=f"{path}:{line}",
            )


def _refuse_duplicates(path: Path, node: yaml.Node) -> None:
    """Refuse a key given twice: YAML forbids it, PyYAML silently takes the last."""
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_duplicates(path, value)
    if not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if str(key.value) in seen:
            raise InvalidInputError(
                f"The key {key.value!r} is given twice",
                hint="Keep one of them.",
                where=f"{path}:{key.start_mark.line + 1}",
            )
        seen.add(str(key.value))
        _refuse_duplicates(path, value)


def refusal(
    path: Path,
    lines: Mapping[Place, int],
    errors: ValidationError,
    model: type[BaseModel],
    kind: Kind,
) -> InvalidInputError:
    """Return the worst of a file's mistakes, with its line and what was probably meant."""
    # A misspelt key that is required counts as unknown first, and as missing second.
    error = min(errors.errors(), key=lambda each: each["type"] != "extra_forbidden")
    tagged = tuple(error["loc"])
    place = tuple(
        part for count, part in enumerate(tagged) if not is_tag(tagged[:count], part, model)
    )
    where = line_of(path, lines, place)
    name = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        known = fields_at(tagged[:-1], model)
        hint = did_you_mean(str(place[-1]), known, f"Known here are {', '.join(sorted(known))}.")
        message = f"There is no key {name!r} in a {kind.noun}"
        return InvalidInputError(message, hint=hint, where=where)
    hint = _example(name, kind)
    if error["type"] == "missing":
        return InvalidInputError(f"The key {name!r} is missing", where=where, hint=hint)
    said = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        said = "this is not how it is written"
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    message = f"{name}: {said}{shown}" if name else said
    return InvalidInputError(message, where=where, hint=hint)


def _example(name: str, kind: Kind) -> str:
    hint = kind.examples.get(re.sub(r"\.\d+", "", name))
    return f"Write for instance: {hint}" if hint else kind.more


def line_of(path: Path, lines: Mapping[Place, int], place: Place) -> str:
    """Return `file:line` of a place, or of the nearest one around it that has a line."""
    for length in range(len(place), -1, -1):
        if line := lines.get(place[:length]):
            return f"{path}:{line}"
    return str(path)
