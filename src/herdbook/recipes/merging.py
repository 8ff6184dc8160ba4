"""Merges parts of recipes into whole ones: those of a catalogue's defaults and of its values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from herdbook.core.errors import InvalidInputError
from herdbook.recipes.matrix import Matrix, Values, placed, places_in
from herdbook.recipes.model import Machine, NodeStep, PythonStep, Recipe, Service
from herdbook.recipes.reading import RECIPE, RecipeFile
from herdbook.recipes.yaml_files import Place, refusal

Fragment = Mapping[str, Any]
_Contribution = tuple[Place, Fragment]


@dataclass
class Merger:
    """Makes the recipes of a matrix, each from the fragments of its combination.

    What several combinations have in common is merged and checked once: a catalogue of a hundred
    thousand images is made of a few hundred fragments. `path` is the catalogue's, `lines` are its.
    """

    path: Path
    matrix: Matrix
    lines: Mapping[Place, int]
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def recipe(self, values: Values) -> RecipeFile:
        """Return the recipe of a combination; raises InvalidInputError with a line."""
        chosen = dict(zip(self.matrix.axes, values, strict=True))
        contributions = list(self._contributions(chosen))
        keys = dict.fromkeys(key for _, fragment in contributions for key in fragment)
        merged = {key: self._merged(key, contributions, chosen) for key in keys}
        lines = _FragmentLines([place for place, _ in contributions], self.lines)
        try:
            recipe = Recipe.model_validate({"image": self.matrix.name_of(values), **merged})
        except ValidationError as error:
            raise self._refused(error, lines, chosen) from error
        return RecipeFile(self.path, recipe, lines, combination=_label(chosen))

    def _contributions(self, chosen: Mapping[str, str]) -> Iterator[_Contribution]:
        yield ("defaults",), self.matrix.defaults
        for axis, value in chosen.items():
            if value:
                yield ("axes", axis, value), self.matrix.axes[axis][value].fragment

    def _merged(
        self, key: str, contributions: Sequence[_Contribution], chosen: Mapping[str, str]
    ) -> Any:  # noqa: ANN401 - whatever a recipe has under the key
        parts = [(place, fragment[key]) for place, fragment in contributions if key in fragment]
        places = tuple((*place, key) for place, _ in parts)
        named = self._axes_in(places, [part for _, part in parts])
        name = (key, *(place for place, _ in parts), *(chosen[axis] for axis in named))
        if name not in self._known:
            whole: Any = None
            for _, part in parts:
                whole = part if whole is None else merge(whole, part)
            self._known[name] = _checked(key, _placed(whole, chosen))
        return self._known[name]

    def _axes_in(self, place: tuple[object, ...], parts: Sequence[Any]) -> tuple[str, ...]:
        """Return the axes whose values' names stand somewhere in these parts."""
        if ("axes", place) not in self._known:
            found = dict.fromkeys(name for part in parts for name in _places(part))
            self._known["axes", place] = tuple(axis for axis in found if axis in self.matrix.axes)
        axes: tuple[str, ...] = self._known["axes", place]
        return axes

    def _refused(
        self, error: ValidationError, lines: Mapping[Place, int], chosen: Mapping[str, str]
    ) -> InvalidInputError:
        found = refusal(self.path, lines, error, Recipe, RECIPE)
        found.message += f" (in the combination {_label(chosen)})"
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

    def __init__(self, fragments: Sequence[Place], lines: Mapping[Place, int]) -> None:
        super().__init__()
        self._fragments = fragments
        self._lines = lines

    def get(self, place: Place, default: Any = None) -> Any:  # noqa: ANN401 - as dict has it
        if place[:1] == ("image",):  # it is made of the catalogue's name
            return self._lines.get(("name",), default)
        for fragment in reversed(self._fragments):
            if line := self._lines.get((*fragment, *place)):
                return line
        return default


def _label(chosen: Mapping[str, str]) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in chosen.items() if value)


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
