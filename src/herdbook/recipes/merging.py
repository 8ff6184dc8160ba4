"""Merges parts of recipes into whole ones: those of a catalogue's defaults and of its values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from herdbook.core.errors import InvalidInputError
from herdbook.core.model_fields import Place
from herdbook.recipes.matrix import Matrix, Values, placed, places_in
from herdbook.recipes.model import FileStep, Machine, NodeStep, PythonStep, Recipe, RunStep, Service
from herdbook.recipes.reading import RECIPE, RecipeFile
from herdbook.recipes.yaml_files import refusal

Fragment = Mapping[str, Any]
_ABSENT = object()
"""Stands for what no fragment of a combination says."""


@dataclass
class Merger:
    """Makes the recipes of a matrix, each from the fragments of its combination.

    What several combinations have in common is merged and checked once: a catalogue of a hundred
    thousand images is made of a few hundred fragments. `path` is the catalogue's, `lines` are its.
    """

    path: Path
    matrix: Matrix
    lines: Mapping[Place, int]
    _known: dict[tuple[str | None, ...], Any] = field(default_factory=dict)

    def recipe(self, values: Values) -> RecipeFile:
        """Return the recipe of a combination; raises InvalidInputError with a line."""
        named = zip(self.matrix.axes, values, strict=True)
        chosen = {axis: value for axis, value in named if value}
        merged = {"image": self.matrix.name_of(values)}
        for key, axes in self._deciding.items():
            name = (key, *map(chosen.get, axes))
            if name not in self._known:
                self._known[name] = self._merged(key, chosen)
            part = self._known[name]
            if part is not _ABSENT:
                merged[key] = part
        lines = _FragmentLines(chosen, self.lines)
        try:
            recipe = Recipe.model_validate(merged)
        except ValidationError as error:
            raise self._refused(error, lines, chosen) from error
        return RecipeFile(self.path, recipe, lines, values=chosen)

    @cached_property
    def _deciding(self) -> dict[str, tuple[str, ...]]:
        """By every key of some fragment: the axes whose values decide what a recipe has there."""
        found: dict[str, dict[str, None]] = {key: {} for key in self.matrix.defaults}
        for axis, values in self.matrix.axes.items():
            for value in values.values():
                for key in value.fragment:
                    found.setdefault(key, {})[axis] = None
        for fragment in self._every_fragment():
            for key, part in fragment.items():
                placed_axes = (axis for axis in _places(part) if axis in self.matrix.axes)
                found[key] |= dict.fromkeys(placed_axes)
        return {key: tuple(axes) for key, axes in found.items()}

    def _every_fragment(self) -> Iterator[Fragment]:
        yield self.matrix.defaults
        for values in self.matrix.axes.values():
            yield from (value.fragment for value in values.values())

    def _merged(self, key: str, chosen: Mapping[str, str]) -> Any:  # noqa: ANN401 - a recipe's part
        whole: Any = _ABSENT
        own = (self.matrix.axes[axis][value].fragment for axis, value in chosen.items())
        for fragment in (self.matrix.defaults, *own):
            if key in fragment:
                part = _placed(fragment[key], chosen)
                whole = part if whole is _ABSENT else merge(whole, part)
        return _ABSENT if whole is _ABSENT else _checked(key, whole)

    def _refused(
        self, error: ValidationError, lines: Mapping[Place, int], chosen: Mapping[str, str]
    ) -> InvalidInputError:
        found = refusal(self.path, lines, error, Recipe, RECIPE)
        label = ", ".join(f"{axis}={value}" for axis, value in chosen.items())
        found.message += f" (in the combination {label})"
        return found


def merge(below: Any, above: Any) -> Any:  # noqa: ANN401 - any part of a recipe
    """Return two parts as one: lists joined, mappings merged key by key, else the later one."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        both = {key: merge(below[key], above[key]) for key in below.keys() & above.keys()}
        return {**below, **above, **both}
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *(each for each in above if each not in below)]
    return above


class _FragmentLines(dict[Place, int]):
    """Where in a catalogue the places of a merged recipe come from: the latest fragment counts."""

    def __init__(self, chosen: Mapping[str, str], lines: Mapping[Place, int]) -> None:
        super().__init__()
        self._chosen = chosen
        self._lines = lines

    def get(self, place: Place, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        if place[:1] == ("image",):  # it is made of the catalogue's name
            return self._lines.get(("name",), default)
        own = (("axes", axis, value) for axis, value in reversed(list(self._chosen.items())))
        for fragment in (*own, ("defaults",)):
            if line := self._lines.get((*fragment, *place)):
                return line
        return default


def _places(part: Any) -> Iterator[str]:  # noqa: ANN401 - any part of a recipe
    if isinstance(part, str):
        yield from places_in(part)
    elif isinstance(part, Mapping):
        for value in part.values():
            yield from _places(value)
    elif isinstance(part, list):
        for value in part:
            yield from _places(value)


def _placed(part: Any, chosen: Mapping[str, str]) -> Any:  # noqa: ANN401 - the same
    if isinstance(part, str):
        return placed(part, chosen)
    if isinstance(part, Mapping):
        return {key: _placed(value, chosen) for key, value in part.items()}
    if isinstance(part, list):
        return [_placed(value, chosen) for value in part]
    return part


_CHECKS: Mapping[str, TypeAdapter[Any]] = {
    "files": TypeAdapter(tuple[FileStep, ...]),
    "run": TypeAdapter(tuple[RunStep, ...]),
    "python": TypeAdapter(PythonStep),
    "node": TypeAdapter(NodeStep),
    "service": TypeAdapter(Service),
    "vm": TypeAdapter(Machine),
}


def _checked(key: str, value: Any) -> Any:  # noqa: ANN401 - the same
    """Return a part as the recipe's model has it, once for all; what is wrong is told later."""
    if key not in _CHECKS:
        return value
    try:
        return _CHECKS[key].validate_python(value)
    except ValidationError:
        return value
