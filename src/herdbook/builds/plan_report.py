"""Says what a layer plan does for the images it was made for: what is hot, shared and saved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from herdbook.builds.arrangement import Part
from herdbook.builds.layer_plan import LayerEntry, SuitePlan
from herdbook.layers.covering import Cover, cover
from herdbook.packages.model import LockedPackage

Members = Mapping[str, Part]
"""The parts of all images that the plan covers one by one."""


class Temperature(StrEnum):
    """Why a layer is what it is."""

    WISHED = "wished"
    """The catalogue's file wants it apart."""

    HOT = "hot"
    """One source, updated often enough to be worth a layer of its own."""

    COHORT = "cohort"
    """Packages that the same images hold."""


@dataclass(frozen=True)
class LayerLine:
    """One layer in use. Sizes are those of the .debs, in bytes: about what a machine pulls.

    `spared_bytes_a_year` is what its standing apart spares all members together: its neighbours
    that would have to be pulled again with each of its updates.
    """

    name: str
    temperature: Temperature
    packages: tuple[str, ...]
    size_bytes: int
    updates_a_year: float
    members: tuple[str, ...]
    spared_bytes_a_year: float


@dataclass(frozen=True)
class PlanReport:
    """What a suite's plan comes to, in bytes of .debs and layers."""

    lines: tuple[LayerLine, ...]
    layers_of: Mapping[str, int]
    separate_bytes: int
    stored_bytes: int
    distinct_bytes: int


def report(plan: SuitePlan, members: Members) -> PlanReport:
    """Return what a plan does for these members; layers that none of them takes are left out."""
    packages = {each.name: each for part in members.values() for each in part.packages}
    layers = [entry.layer for entry in plan.layers]
    covers = {
        name: cover(layers, [each.name for each in part.packages], part.most_layers)
        for name, part in members.items()
    }
    lines = [
        _line(entry, holding, covers, packages)
        for entry in plan.layers
        if (holding := _holding(entry, covers))
    ]
    return PlanReport(
        lines=tuple(lines),
        layers_of={name: len(found.layers) for name, found in covers.items()},
        separate_bytes=sum(_size(part.packages) for part in members.values()),
        stored_bytes=sum(line.size_bytes for line in lines),
        distinct_bytes=_size(packages.values()),
    )


def _holding(entry: LayerEntry, covers: Mapping[str, Cover]) -> tuple[str, ...]:
    return tuple(name for name, found in covers.items() if entry.layer in found.layers)


def _line(
    entry: LayerEntry,
    holding: tuple[str, ...],
    covers: Mapping[str, Cover],
    packages: Mapping[str, LockedPackage],
) -> LayerLine:
    sources = {packages[name].source for name in entry.packages}
    rate = entry.updates_a_year or 0.0
    temperature = Temperature.HOT if len(sources) == 1 and rate else Temperature.COHORT
    if entry.updates_a_year is None:
        temperature = Temperature.WISHED
    size = _size(packages[name] for name in entry.packages)
    # Its largest neighbour is what it would most likely have been put together with.
    neighbours = (
        max(
            (
                _size(packages[name] for name in layer.packages)
                for layer in covers[member].layers
                if layer != entry.layer
            ),
            default=0,
        )
        for member in holding
    )
    spared = rate * sum(neighbours) if temperature is Temperature.HOT else 0.0
    return LayerLine(entry.name, temperature, entry.packages, size, rate, holding, spared)


def _size(packages: Iterable[LockedPackage]) -> int:
    return sum(package.size for package in packages)
