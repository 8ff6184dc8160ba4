"""The matrix of a catalogue: which combinations of its axes' values there are, and their names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

Values = tuple[str, ...]
"""A combination: a value's name for each axis, empty where an included one leaves the axis out."""

Pattern = Mapping[str, frozenset[str]]
"""Which values each of some axes may have for a combination to match."""


@dataclass(frozen=True)
class Value:
    """One value of an axis: what it adds to a recipe, and with which earlier values it goes."""

    fragment: Mapping[str, Any]
    only: Pattern = field(default_factory=dict)


@dataclass(frozen=True)
class Matrix:
    """Axes in their order, and what is taken out of their product or added to it.

    `name` is a pattern in which `{axis}` stands for the name of that axis's value.
    """

    name: str
    axes: Mapping[str, Mapping[str, Value]]
    exclude: Sequence[Pattern] = ()
    include: Sequence[Mapping[str, str]] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def combinations(self) -> Iterator[Values]:
        """Yield every combination once: those of the product in order, then the included ones."""
        yield from self._product()
        for values in dict.fromkeys(map(self._included, self.include)):
            if not self._in_product(values):
                yield values

    def count(self, limit: int) -> int:
        """Count the combinations, up to one more than `limit`."""
        return sum(1 for _ in islice(self.combinations(), limit + 1))

    def name_of(self, values: Values) -> str:
        """Return the name of the image that a combination makes."""
        return placed(self.name, dict(zip(self.axes, values, strict=True)))

    def _product(self) -> Iterator[Values]:
        """Yield the product, leaving a branch as soon as something rules it out."""
        names = list(self.axes)
        due = [
            [each for each in self.exclude if names.index(_last(each, names)) == depth]
            for depth in range(len(names))
        ]

        def below(chosen: Values) -> Iterator[Values]:
            if len(chosen) == len(names):
                yield chosen
                return
            so_far = dict(zip(names, chosen, strict=False))
            for value, about in self.axes[names[len(chosen)]].items():
                if not matches(about.only, so_far):
                    continue
                longer = {**so_far, names[len(chosen)]: value}
                if not any(matches(each, longer) for each in due[len(chosen)]):
                    yield from below((*chosen, value))

        if names:
            yield from below(())

    def _in_product(self, values: Values) -> bool:
        chosen = dict(zip(self.axes, values, strict=True))
        return (
            all(values)
            and not any(matches(each, chosen) for each in self.exclude)
            and all(matches(self.axes[axis][value].only, chosen) for axis, value in chosen.items())
        )

    def _included(self, wanted: Mapping[str, str]) -> Values:
        return tuple(wanted.get(axis, "") for axis in self.axes)


def matches(pattern: Pattern, chosen: Mapping[str, str]) -> bool:
    """Tell whether a combination has, on every axis that a pattern names, one of its values."""
    return all(chosen.get(axis) in allowed for axis, allowed in pattern.items())


def placed(text: str, chosen: Mapping[str, str]) -> str:
    """Return a text with the names of values in the places of `{axis}`; other braces stay."""
    return _PLACE.sub(lambda match: chosen.get(match[1], match[0]), text)


def places_in(text: str) -> list[str]:
    """Return what stands in braces in a text, in order."""
    return _PLACE.findall(text)


def _last(pattern: Pattern, names: Sequence[str]) -> str:
    return max(pattern, key=names.index)


_PLACE = re.compile(r"\{([a-z][a-z0-9_-]*)\}")
