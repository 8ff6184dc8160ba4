"""Compares two versions, variant by variant: packages, files, settings and layers."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from herdbook.actions.name_version import version_meant
from herdbook.actions.render import machine_settings
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.differences import (
    LayerChanges,
    PackageChanges,
    SettingChange,
    Settings,
    bill_changes,
    layer_changes,
    recipe_changes,
    setting_changes,
    settings_of,
)
from herdbook.catalogue.file_differences import FileChange, file_changes
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.core import digests
from herdbook.core.errors import NotFoundError
from herdbook.images.documents import LayerReference, process_of
from herdbook.layers.tree import Tree


@dataclass(frozen=True)
class VariantComparison:
    """What differs between the variants of one kind.

    `files` is None where they cannot be compared, and `files_unknown_because` says why.
    """

    kind: Variant
    before_bytes: int
    after_bytes: int
    packages: PackageChanges
    settings: tuple[SettingChange, ...]
    layers: LayerChanges
    files: tuple[FileChange, ...] | None
    files_unknown_because: str = ""


@dataclass(frozen=True)
class Comparison:
    """What differs between two versions; `only_before` and `only_after` are kinds of one alone."""

    before: Version
    after: Version
    variants: tuple[VariantComparison, ...]
    only_before: tuple[Variant, ...] = ()
    only_after: tuple[Variant, ...] = ()

    @property
    def recipe(self) -> tuple[str, ...]:
        """How the recipe differs, line by line."""
        return recipe_changes(self.before.recipe, self.after.recipe)

    @property
    def same(self) -> bool:
        """Whether they are one and the same, to the last byte."""
        return self.before.digest == self.after.digest


def versions_to_compare(
    workshop: Workshop, first: str, second: str = ""
) -> tuple[Version, Version]:
    """Return the two versions meant; where one is named, that one and the one before it.

    Raises NotFoundError, also where there is none before it.
    """
    named = version_meant(workshop, first)
    if second:
        return named, version_meant(workshop, second)
    for number in range(named.number - 1, 0, -1):
        before = workshop.versions.find(named.image, number)
        if before is not None:
            return before, named
    raise NotFoundError(
        f"There is no version of {named.image} before {named.label}",
        hint=f"Name what to compare it with: herdbook diff {named.label} IMAGE:NUMBER",
    )


def compare(workshop: Workshop, before: Version, after: Version) -> Comparison:
    """Tell what differs between two versions; neither is forgotten or cleaned away meanwhile."""
    with ExitStack() as leases:
        for label in {before.label, after.label}:
            leases.enter_context(workshop.layers.lease(label))
        pairs = [(each, after.variant(each.kind)) for each in before.variants]
        return Comparison(
            before,
            after,
            tuple(_compared(workshop, one, other) for one, other in pairs if other is not None),
            tuple(each.kind for each, other in pairs if other is None),
            tuple(each.kind for each in after.variants if before.variant(each.kind) is None),
        )


def _compared(workshop: Workshop, one: VariantRecord, other: VariantRecord) -> VariantComparison:
    bills = workshop.components.bills(layer.digest for layer in (*one.layers, *other.layers))
    files, unknown_because = _files(workshop, one.layers, other.layers)
    return VariantComparison(
        one.kind,
        one.size_bytes,
        other.size_bytes,
        bill_changes(one.layers, other.layers, bills),
        setting_changes(_settings(workshop, one), _settings(workshop, other)),
        layer_changes(one.layers, other.layers),
        files,
        unknown_because,
    )


def _settings(workshop: Workshop, variant: VariantRecord) -> Settings:
    machine = machine_settings(workshop, variant) if variant.kind is Variant.VM else None
    return settings_of(process_of(workshop.versions.document(variant.config)), machine)


def _files(
    workshop: Workshop, before: Sequence[LayerReference], after: Sequence[LayerReference]
) -> tuple[tuple[FileChange, ...] | None, str]:
    """Return what differs in files, or None and why nobody can tell."""
    trees: dict[str, Tree] = {}
    for layer in (*before, *after):
        try:
            trees[layer.digest] = workshop.layers.tree(layer.digest)
        except NotFoundError:
            short = digests.short(layer.digest)
            return None, f"the layer {layer.title} ({short}) is no longer in the store"
    sides = [[(layer.title, trees[layer.digest]) for layer in side] for side in (before, after)]
    return file_changes(*sides), ""
