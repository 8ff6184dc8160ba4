"""Explains why a package is in an image: who asked for it, which layer holds it, since when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from packaging.utils import canonicalize_name

from herdbook.actions.find_holders import query_of
from herdbook.actions.foundation import Foundation
from herdbook.actions.keep_layers import kept_layers
from herdbook.actions.lineage import Inherited, Lineage, inherited, lineage_of
from herdbook.actions.read_needs import Image
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.holders import ComponentQuery
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.ways import Graph, Way, merged, ways_in
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.images.documents import LayerReference
from herdbook.layers.contents import content_in
from herdbook.trust.found_components import found_in, is_description

_LARGEST_DESCRIPTION_BYTES = 32 << 20
_STATUS = "var/lib/dpkg/status"
_BASE_TITLE = "base."


@dataclass(frozen=True)
class Place:
    """A layer that holds the package; `path` is the file there by which it was found, if any."""

    layer: LayerReference
    variants: tuple[Variant, ...]
    path: str = ""


@dataclass(frozen=True)
class Reason:
    """All there is to say of one package; `notes` say what cannot be told, and why."""

    component: Component
    variants: tuple[Variant, ...]
    places: tuple[Place, ...]
    ways: tuple[Way, ...]
    inherited: tuple[Inherited, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why packages are in a version; layers that were `not_scanned` may hold them as well.

    `others` are packages built from a source that has the name asked for.
    """

    version: Version
    reasons: tuple[Reason, ...]
    not_scanned: tuple[LayerReference, ...]
    others: tuple[str, ...] = ()


def explain(workshop: Workshop, version: Version, package: str) -> Explanation:
    """Tell why a version holds a package, by its name, its source's name or its package URL.

    Raises NotFoundError with the nearest name, InvalidInputError for a wrong package URL.
    """
    query = query_of(package)
    with workshop.layers.lease(version.label):
        lineage = lineage_of(workshop, version)
        inquiry = _Inquiry(workshop, version, lineage)
        everything = inquiry.components()
        found = _meant(everything, query)
        if not found:
            raise _unknown(version, query, everything)
        reasons = tuple(inquiry.reason(component) for component in found)
    explained = {each.name for each in found}
    others = {each.name for each in everything if each.source == query.name} - explained
    return Explanation(version, reasons, inquiry.not_scanned(), tuple(sorted(others)))


def _meant(components: Iterable[Component], query: ComponentQuery) -> list[Component]:
    """Return the components of a name, or else those built from a source of that name."""
    fitting = [
        each
        for each in components
        if query.ecosystem in (None, each.ecosystem) and query.version in ("", each.version)
    ]
    named = [
        each
        for each in fitting
        if each.name == query.name
        or (each.ecosystem is Ecosystem.PYTHON and each.name == canonicalize_name(query.name))
    ]
    return named or [each for each in fitting if each.source == query.name]


def _unknown(
    version: Version, query: ComponentQuery, components: Iterable[Component]
) -> NotFoundError:
    known = {name for each in components for name in (each.name, each.source) if name}
    versions = sorted({each.version for each in components if each.name == query.name})
    hint = did_you_mean(query.name, sorted(known), "Name a package, its source, or a package URL.")
    if query.version and versions:
        hint = f"It holds {', '.join(versions)}."
    shown = f"{query.name} {query.version}".strip()
    return NotFoundError(f"{version.label} holds no package {shown}", hint=hint)


@dataclass(frozen=True)
class _Inquiry:
    """One version that is asked about; what was read once is kept."""

    workshop: Workshop
    version: Version
    lineage: Lineage
    _graphs: dict[tuple[Variant, Ecosystem], Graph | None] = field(default_factory=dict)

    @cached_property
    def layers(self) -> tuple[LayerReference, ...]:
        """The layers of all variants, each once."""
        found = {each.digest: each for one in self.version.variants for each in one.layers}
        return tuple(found.values())

    @cached_property
    def bills(self) -> dict[Digest, LayerBill]:
        """The bills of these layers."""
        bills = self.workshop.components.bills(each.digest for each in self.layers)
        return {bill.layer: bill for bill in bills}

    def not_scanned(self) -> tuple[LayerReference, ...]:
        """Return the layers nobody looked into."""
        return tuple(each for each in self.layers if self._is_not_scanned(each))

    def _is_not_scanned(self, layer: LayerReference) -> bool:
        return self.bills[layer.digest].origin is Origin.NOT_SCANNED

    def components(self) -> tuple[Component, ...]:
        """Return everything known to be in the version, each once."""
        found = {
            _identity(component): component
            for variant in reversed(self.version.variants)
            for component in self._in_variant(variant)
        }
        return tuple(sorted(found.values(), key=_identity))

    def _in_variant(self, variant: VariantRecord) -> Iterator[Component]:
        if any(self._is_not_scanned(layer) for layer in variant.layers):
            yield from self._installed(variant)
        for layer in variant.layers:
            yield from self.bills[layer.digest].components

    def _installed(self, variant: VariantRecord) -> tuple[Component, ...]:
        """Return what dpkg knows, for where nobody looked into the layers."""
        try:
            status = Foundation(self.workshop, layers=variant.layers).status
        except NotFoundError:
            return ()
        return found_in(_STATUS, status.encode(), self.lineage.generations[0].lock.suite)

    def reason(self, component: Component) -> Reason:
        """Return all there is to say of a component."""
        holders = [
            each
            for each in self.version.variants
            if _identity(component) in map(_identity, self._in_variant(each))
        ]
        places = tuple(self._places(component))
        notes: list[str] = []
        ways = merged(way for each in holders for way in self._ways(component, each, notes))
        below = inherited(self.workshop, self.lineage, component.ecosystem, component.name)
        base = self.lineage.rest
        if base and any(place.layer.title.startswith(_BASE_TITLE) for place in places):
            below = (*below, Inherited(base))
        kinds = tuple(each.kind for each in holders)
        return Reason(component, kinds, places, ways, below, tuple(dict.fromkeys(notes)))

    def _places(self, component: Component) -> Iterator[Place]:
        for layer in self.layers:
            bill = self.bills[layer.digest]
            if _identity(component) in map(_identity, bill.components):
                variants = tuple(
                    each.kind for each in self.version.variants if layer in each.layers
                )
                scanned = bill.origin is Origin.SCANNED
                yield Place(layer, variants, self._path(layer, component) if scanned else "")

    def _path(self, layer: LayerReference, component: Component) -> str:
        """Return which file of a layer describes a component; empty where it cannot be read."""
        try:
            (kept,) = kept_layers(self.workshop, [layer])
        except NotFoundError:
            return ""
        for path, entry in kept.tree.items():
            if is_description(path) and 0 < entry.size <= _LARGEST_DESCRIPTION_BYTES:
                found = found_in(path, content_in([kept], path), component.suite)
                if _identity(component) in map(_identity, found):
                    return path
        return ""

    def _ways(
        self, component: Component, variant: VariantRecord, notes: list[str]
    ) -> Iterator[Way]:
        ecosystem = component.ecosystem
        try:
            graph = self._graph(variant, ecosystem)
        except NotFoundError as error:
            notes.append(f"What leads to it in the {variant.kind} cannot be told: {error}")
            return
        wanted = (component.name, component.version)
        if graph is not None and wanted in graph.names.values():
            yield from ways_in(graph, variant.kind, *wanted)
        elif ecosystem is Ecosystem.DEBIAN:
            notes.append(f"Its files are in a layer, but dpkg of the {variant.kind} has it not")

    def _graph(self, variant: VariantRecord, ecosystem: Ecosystem) -> Graph | None:
        key = (variant.kind, ecosystem)
        if key not in self._graphs:
            image = Image(self.workshop, self.lineage, variant)
            self._graphs[key] = image.graph(ecosystem)
        return self._graphs[key]


def _identity(component: Component) -> tuple[str, str, str]:
    return component.ecosystem.value, component.name, component.version
