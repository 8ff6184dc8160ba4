"""Reads a recipe file; says of every mistake in which line it is and what was meant."""

import re
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
_MAXIMUM_DEPTH = 20
_INTEGER = "tag:yaml.org,2002:int"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_DECIMAL = re.compile(r"^(?:0|-?[1-9][0-9]{0,17})$")
_EXAMPLES = {
    "files.mode": 'mode: "0640"',
    "files.owner": "owner: root",
    "files.to": "to: /srv/web",
    "from": "from: debian:bookworm",
    "image": "image: shop/web (lower case)",
    "packages": "packages: [python3, ca-certificates]",
    "run": "run: [python3 -m compileall /srv/web]",
    "service.command": "command: [python3, -m, web]",
    "service.env": "env: {PORT: 8080}",
    "service.health.http": "health: {http: /healthz}",
    "service.ports": "ports: [8080]",
    "user": "user: web",
    "variants": "variants: [container, vm]",
    "vm.disk": "disk: 4G",
    "vm.memory": "memory: 512M",
}
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class RecipeFile:
    """A recipe with where it was read from, and the text it was read as.

    `lines` maps places in it to line numbers from 1.
    """

    path: Path
    recipe: Recipe
    lines: Mapping[Place, int]
    text: str = ""

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
        _refuse_tricks(path, text)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    if not isinstance(node, yaml.MappingNode):
        raise InvalidInputError(
            "A recipe is a mapping of keys to values",
            hint="Start from an example: herdbook init",
            where=f"{path}:1",
        )
    lines = dict(_lines(node, ()))
    _refuse_duplicates(path, node)
    try:
        recipe = Recipe.model_validate(yaml.load(text, Loader=_LOADER))  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from error
    except ValidationError as error:
        # A misspelt key that is required counts as unknown first, and as missing second.
        worst = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise _refusal(path, lines, worst) from error
    return RecipeFile(path, recipe, lines, text)


def _make_loader() -> Any:  # noqa: ANN401 - the C loader has no type of its own
    """Return a safe loader for which 010, 1_000, 12:30 and 2026-01-02 are text, as people see it.

    Only plain decimals are numbers, as in YAML 1.2; PyYAML reads YAML 1.1.
    """
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag not in (_INTEGER, _TIMESTAMP)]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    loader: Any = type("RecipeLoader", (base,), {"yaml_implicit_resolvers": resolvers})
    loader.add_implicit_resolver(_INTEGER, _DECIMAL, list("-0123456789"))
    return loader


_LOADER = _make_loader()


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


def _refuse_tricks(path: Path, text: str) -> None:
    """Refuse what lets a few bytes stand for endlessly many, or crash a parser written in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        trick = (
            ("an alias (*)" if isinstance(event, yaml.AliasEvent) else "")
            or ("a tag (!)" if getattr(event, "tag", None) else "")
            or (f"more than {_MAXIMUM_DEPTH} levels" if depth > _MAXIMUM_DEPTH else "")
        )
        if trick:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InvalidInputError(
                f"A recipe does without {trick}",
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
    if error["type"] == "string_pattern_mismatch":
        said = "this is not how it is written"
    given = error.get("input")
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) else ""
    message = f"{name}: {said}{shown}" if name else said
    return InvalidInputError(message, where=where, hint=_example(name))


def _example(name: str) -> str:
    hint = _EXAMPLES.get(re.sub(r"\.\d+", "", name))
    return f"Write for instance: {hint}" if hint else "See: herdbook schema recipe"


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
