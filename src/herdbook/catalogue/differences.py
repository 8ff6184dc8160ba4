"""What differs between two versions: components, layers and settings, as data in and data out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference, Process

Settings = Mapping[str, Any]
"""How a variant runs: values that JSON can hold, by the names of `settings_of`."""


@dataclass(frozen=True)
class PackageChange:
    """A component that is not the same on both sides, with its versions on each.

    There may be several versions: npm installs one package in many places.
    """

    ecosystem: Ecosystem
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def kind(self) -> str:
        """Whether it was `added`, `removed` or `changed`."""
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


@dataclass(frozen=True)
class PackageChanges:
    """What differs between the components of two variants, and where nobody can tell.

    `not_scanned_before` and `not_scanned_after` are layers of one side alone that nobody looked
    into: they may hold any component. One that both sides have is the same, whatever it holds.
    """

    changes: tuple[PackageChange, ...]
    not_scanned_before: tuple[LayerReference, ...] = ()
    not_scanned_after: tuple[LayerReference, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all components of both sides were compared."""
        return not (self.not_scanned_before or self.not_scanned_after)


@dataclass(frozen=True)
class LayerChanges:
    """Which layers two variants share and which not, each side in its own order."""

    kept: tuple[LayerReference, ...]
    added: tuple[LayerReference, ...]
    removed: tuple[LayerReference, ...]

    @property
    def pulled_bytes(self) -> int:
        """How many bytes, uncompressed, whoever has the one still needs for the other."""
        return sum({layer.digest: layer.size for layer in self.added}.values())


@dataclass(frozen=True)
class SettingChange:
    """A setting that is not the same on both sides; None where a side has none."""

    name: str
    before: Any
    after: Any


def package_changes(
    before: Iterable[Component], after: Iterable[Component]
) -> tuple[PackageChange, ...]:
    """Return the components that differ, by ecosystem and name."""
    old, new = _versions(before), _versions(after)
    return tuple(
        PackageChange(
            ecosystem, name, old.get((ecosystem, name), ()), new.get((ecosystem, name), ())
        )
        for ecosystem, name in sorted(old.keys() | new.keys())
        if old.get((ecosystem, name)) != new.get((ecosystem, name))
    )


def _versions(components: Iterable[Component]) -> dict[tuple[Ecosystem, str], tuple[str, ...]]:
    found: dict[tuple[Ecosystem, str], set[str]] = {}
    for each in components:
        found.setdefault((each.ecosystem, each.name), set()).add(each.version)
    return {key: tuple(sorted(versions)) for key, versions in found.items()}


def bill_changes(
    before: Iterable[LayerReference],
    after: Iterable[LayerReference],
    bills: Iterable[LayerBill],
) -> PackageChanges:
    """Compare what stacks of layers hold, by the bills of both sides' layers.

    A layer without a bill was not scanned.
    """
    scanned = {bill.layer: bill for bill in bills if bill.origin is not Origin.NOT_SCANNED}
    old, new = tuple(before), tuple(after)
    layers = layer_changes(old, new)
    return PackageChanges(
        package_changes(_held(old, scanned), _held(new, scanned)),
        tuple(layer for layer in layers.removed if layer.digest not in scanned),
        tuple(layer for layer in layers.added if layer.digest not in scanned),
    )


def _held(
    layers: Iterable[LayerReference], scanned: Mapping[Digest, LayerBill]
) -> Iterable[Component]:
    return (
        component
        for layer in layers
        if layer.digest in scanned
        for component in scanned[layer.digest].components
    )


def layer_changes(
    before: Iterable[LayerReference], after: Iterable[LayerReference]
) -> LayerChanges:
    """Tell by digest which layers are kept; titles are the newer side's."""
    old, new = tuple(before), tuple(after)
    known, wanted = {layer.digest for layer in old}, {layer.digest for layer in new}
    return LayerChanges(
        kept=tuple(layer for layer in new if layer.digest in known),
        added=tuple(layer for layer in new if layer.digest not in known),
        removed=tuple(layer for layer in old if layer.digest not in wanted),
    )


def settings_of(process: Process, machine: Mapping[str, int] | None = None) -> Settings:
    """Return how a variant runs; `machine` holds a VM's numbers, None for a container.

    Each variable of the environment is a setting of its own. A VM's documents tell only its
    numbers, its ports and its health check: the rest is in the unit among its files.
    """
    if machine is not None:
        return {**machine, "ports": list(process.ports), "health": process.health_path}
    return {
        "command": list(process.command),
        **{f"environment {name}": value for name, value in process.environment.items()},
        "ports": list(process.ports),
        "user": f"{process.user_id}:{process.group_id}",
        "directory": process.directory,
        "health": process.health_path,
    }


def recipe_changes(before: str, after: str) -> tuple[str, ...]:
    """Return how the text of a recipe differs, line by line, as `diff -u` has it."""
    lines = unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return tuple(lines)[2:]


def setting_changes(before: Settings, after: Settings) -> tuple[SettingChange, ...]:
    """Return the settings that differ, in the order they are in."""
    return tuple(
        SettingChange(name, before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    )
