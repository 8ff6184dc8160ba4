"""The layer plan of a catalogue: which packages share a layer, and which root stands on which.

It lies beside the catalogue's recipes as `layers.lock`. Both of its lists only grow, so a later
image never moves a package of an earlier one to another layer, nor its root to another stem.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from herdbook.core.errors import InvalidInputError
from herdbook.core.whole_files import alone_in, write_whole
from herdbook.layers.covering import Layer
from herdbook.packages.model import Frozen

PLAN_NAME = "layers.lock"
_NAME = r"^[a-z0-9][a-z0-9+.-]*$"


class LayerEntry(Frozen):
    """One planned layer, with what it was decided on: updates a year, or None for a wish."""

    name: str = Field(pattern=_NAME)
    updates_a_year: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    packages: tuple[str, ...] = Field(min_length=1)

    @property
    def layer(self) -> Layer:
        """The entry as covering takes it."""
        return Layer(self.name, self.packages)


class RootEntry(Frozen):
    """A root that packages were once installed in: on which earlier one, and what it adds."""

    on: int | None = Field(default=None, ge=0)
    adds: tuple[str, ...] = Field(min_length=1)


class SuitePlan(Frozen):
    """The plan of one suite."""

    layers: tuple[LayerEntry, ...] = ()
    roots: tuple[RootEntry, ...] = ()

    @cached_property
    def root_numbers(self) -> Mapping[frozenset[str], int]:
        """The roots by the packages they hold; `model_copy` would copy it, too."""
        contents = contents_of(self.roots)
        return {held: number for number, held in reversed(list(enumerate(contents)))}


class LayerPlan(Frozen):
    """The plan of a catalogue, by suite."""

    plan_format: Literal[1] = 1
    suites: Mapping[str, SuitePlan] = {}

    def of(self, suite: str) -> SuitePlan:
        """Return a suite's plan, which may be empty."""
        return self.suites.get(suite, SuitePlan())


def contents_of(roots: Sequence[RootEntry]) -> list[frozenset[str]]:
    """Return the packages of each root: its own, and those of the ones below."""
    contents: list[frozenset[str]] = []
    for root in roots:
        below = contents[root.on] if root.on is not None else frozenset()
        contents.append(below.union(root.adds))
    return contents


def read_plan(folder: Path) -> LayerPlan:
    """Return the plan of a catalogue's folder, empty where there is none yet.

    Raises InvalidInputError for one that cannot be read.
    """
    path = folder / PLAN_NAME
    try:
        plan = LayerPlan.model_validate_json(path.read_bytes())
        if any(
            root.on is not None and root.on >= number
            for suite in plan.suites.values()
            for number, root in enumerate(suite.roots)
        ):
            raise _unreadable(path, "a root stands on a later one")
    except FileNotFoundError:
        return LayerPlan()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _unreadable(path, f"{place or 'the file'}: {first['msg']}") from error
    return plan


def _unreadable(path: Path, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"The layer plan cannot be read: {reason}",
        hint="Take it from version control. Without it layers are planned anew: herdbook layers "
        "plan",
        where=str(path),
    )


def write_plan(folder: Path, plan: LayerPlan) -> None:
    """Replace the plan of a catalogue's folder, at once."""
    text = json.dumps(plan.model_dump(mode="json", exclude_none=True), indent=1)
    write_whole(folder / PLAN_NAME, f"{text}\n".encode(), mode=0o644)


@contextmanager
def changing_plan(folder: Path) -> Iterator[LayerPlan]:
    """Give the plan as it is now, and keep everyone else from changing it meanwhile."""
    with alone_in(folder):
        yield read_plan(folder)
