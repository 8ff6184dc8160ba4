"""The catalogue file: what can be written in it, and whether its names fit together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from herdbook.core.errors import InvalidInputError
from herdbook.core.model_fields import Place
from herdbook.core.nearest import did_you_mean
from herdbook.recipes.matrix import Matrix, Pattern, Value, places_in
from herdbook.recipes.model import PackageName, Strict
from herdbook.recipes.yaml_files import Kind, YamlFile, line_of

_ONLY = "only"
"""The key of a value that says with which others it goes; all its other keys are a recipe's."""

AxisName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
ValueName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Some = Annotated[tuple[ValueName, ...], Field(min_length=1)]
Fragment = dict[str, Any]
CATALOGUE = Kind(
    noun="catalogue",
    beginning="Write for instance: recipes: [images/*.yaml]",
    more="See: herdbook schema catalogue",
    examples={
        "name": 'name: "shop/{framework}-{suite}"',
        "recipes": "recipes: [images/*.yaml]",
        "axes": "axes: {suite: {bookworm: {}, trixie: {}}}",
        "exclude": "exclude: [{suite: bookworm, framework: express}]",
        "layers.hot": "hot: [openssl]",
        "layers.cold": "cold: [tzdata]",
    },
)


class LayerWishes(Strict):
    """What the update history does not know: sources by name."""

    hot: Annotated[
        tuple[PackageName, ...],
        Field(description="Source packages that get a layer of their own in any case."),
    ] = ()
    cold: Annotated[
        tuple[PackageName, ...],
        Field(description="Source packages that are taken for never updated."),
    ] = ()

    @field_validator("cold")
    @classmethod
    def _not_both(cls, cold: tuple[str, ...], before: ValidationInfo) -> tuple[str, ...]:
        if both := set(cold) & set(before.data.get("hot", ())):
            raise ValueError(f"names {min(both)!r}, which is in `hot` too")
        return cold


class Catalogue(Strict):
    """Recipes that belong together, listed or made from axes: their layers are planned together."""

    recipes: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...],
        Field(description="Paths and patterns, relative to the catalogue."),
    ] = ()
    name: Annotated[
        str | None,
        Field(min_length=1, description="The images' names: {axis} stands for a value's name."),
    ] = None
    defaults: Annotated[Fragment, Field(description="The part of a recipe that all have.")] = Field(
        default_factory=dict
    )
    axes: Annotated[
        dict[AxisName, Annotated[dict[ValueName, Fragment | None], Field(min_length=1)]],
        Field(description="Axes with their values, each a part of a recipe; in this order."),
    ] = Field(default_factory=dict)
    exclude: Annotated[
        tuple[Annotated[dict[AxisName, ValueName | Some], Field(min_length=1)], ...],
        Field(description="Combinations to leave out: all named axes have one of these values."),
    ] = ()
    include: Annotated[
        tuple[Annotated[dict[AxisName, ValueName], Field(min_length=1)], ...],
        Field(description="Combinations to have besides."),
    ] = ()
    limit: Annotated[int, Field(ge=1, description="More images than that are a mistake.")] = 5000
    layers: LayerWishes = LayerWishes()
    schema_: Annotated[Literal[1], Field(alias="schema")] = 1

    @model_validator(mode="after")
    def _makes_something(self) -> Self:
        if not self.recipes and not self.axes:
            raise ValueError("lists no recipes and has no axes")
        if bool(self.axes) != (self.name is not None):
            raise ValueError("needs both `axes` and a `name` for the images they make, or neither")
        return self


def matrix_of(file: YamlFile[Catalogue]) -> Matrix:
    """Return the matrix that a catalogue's axes make.

    Raises InvalidInputError, with line and nearest name, for an axis or a value that is not there,
    and where nothing or too much comes of it.
    """
    content, names = file.content, _Names(file)
    axes = {
        axis: {
            value: Value(
                {key: part for key, part in (fragment or {}).items() if key != _ONLY},
                names.only(axis, value, fragment or {}),
            )
            for value, fragment in values.items()
        }
        for axis, values in content.axes.items()
    }
    for number, pattern in enumerate(content.exclude):
        names.require(pattern, ("exclude", number))
    for number, wanted in enumerate(content.include):
        names.require(wanted, ("include", number))
    for axis in places_in(content.name or ""):
        names.require_axis(axis, ("name",))
    matrix = Matrix(
        name=content.name or "",
        axes=axes,
        exclude=[_pattern(each) for each in content.exclude],
        include=content.include,
        defaults=content.defaults,
    )
    _require_sensible(matrix, content.limit, names)
    return matrix


def _require_sensible(matrix: Matrix, limit: int, names: "_Names") -> None:
    count = matrix.count(limit)
    if count == 0:
        raise InvalidInputError(
            "No combination of the axes is left",
            hint="Take something out of `exclude` or of `only`.",
            where=names.where(("axes",)),
        )
    if count > limit:
        product = 1
        for values in matrix.axes.values():
            product *= len(values)
        raise InvalidInputError(
            f"The axes make more than {limit} images (their product is {product})",
            hint=f"Exclude some, or say that so many are meant: limit: {product}",
            where=names.where(("limit",) if ("limit",) in names.file.lines else ("axes",)),
        )


class _Names:
    """The axes and values of a catalogue, and complaints about others."""

    def __init__(self, file: YamlFile[Catalogue]) -> None:
        self.file = file
        self._axes = file.content.axes

    def where(self, place: Place) -> str:
        return line_of(self.file.path, self.file.lines, place)

    def only(self, axis: str, value: str, fragment: Fragment) -> Pattern:
        """Return with which values of earlier axes a value goes."""
        place = ("axes", axis, value, _ONLY)
        wanted = fragment.get(_ONLY, {})
        if not isinstance(wanted, dict) or not all(map(_are_names, wanted.values())):
            raise InvalidInputError(
                "`only` maps earlier axes to their values",
                hint="Write for instance: only: {language: python}",
                where=self.where(place),
            )
        self.require(wanted, place)
        earlier = list(self._axes)[: list(self._axes).index(axis)]
        for other in wanted:
            if other not in earlier:
                raise InvalidInputError(
                    f"`only` names {other!r}, which is no earlier axis than {axis!r}",
                    hint=f"Put {other!r} before {axis!r}, or use `exclude`.",
                    where=self.where((*place, other)),
                )
        return _pattern(wanted)

    def require(self, pattern: Mapping[str, str | Sequence[str]], place: Place) -> None:
        """Raise InvalidInputError for an axis or a value that there is none of."""
        for axis, values in pattern.items():
            self.require_axis(axis, (*place, axis))
            for value in _each(values):
                if value not in self._axes[axis]:
                    raise InvalidInputError(
                        f"The axis {axis!r} has no value {value!r}",
                        hint=did_you_mean(
                            str(value), self._axes[axis], f"It has: {', '.join(self._axes[axis])}."
                        ),
                        where=self.where((*place, axis)),
                    )

    def require_axis(self, axis: str, place: Place) -> None:
        """Raise InvalidInputError where there is no such axis."""
        if axis not in self._axes:
            raise InvalidInputError(
                f"There is no axis {axis!r}",
                hint=did_you_mean(axis, self._axes, f"There are: {', '.join(self._axes)}."),
                where=self.where(place),
            )


def _are_names(values: object) -> bool:
    if isinstance(values, list):
        return bool(values) and all(isinstance(each, str) for each in values)
    return isinstance(values, str)


def _pattern(wanted: Mapping[str, str | Sequence[str]]) -> Pattern:
    return {axis: frozenset(_each(values)) for axis, values in wanted.items()}


def _each(values: str | Sequence[str]) -> Iterable[str]:
    return [values] if isinstance(values, str) else values
