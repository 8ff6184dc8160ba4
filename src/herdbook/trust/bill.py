"""A bill of materials: which components a variant of a version holds, and in which layers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from packageurl import PackageURL

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import VariantRecord, Version
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import ARCHITECTURE
from herdbook.recipes.model import Variant

_NAMESPACE = UUID("8804db47-9299-42ee-9c64-8f814c9a50bb")
"""Herdbook's own, drawn once: it parts our name-based UUIDs from everybody else's (RFC 9562)."""


@dataclass(frozen=True)
class TitledBill(LayerBill):
    """The bill of a layer, and what the layer is for in this image."""

    title: str


@dataclass(frozen=True)
class HeldComponent:
    """A component and the layers that hold it, the lowest first."""

    component: Component
    layers: tuple[TitledBill, ...]


@dataclass(frozen=True)
class Bill:
    """The bill of one variant: the union of its layers' bills, the lowest layer first.

    `digest` is the version's, that of its index; `created` is the version's time.
    """

    image: str
    number: int
    digest: Digest
    variant: Variant
    created: datetime
    layers: tuple[TitledBill, ...]

    @property
    def label(self) -> str:
        """How people name what it is the bill of: `shop/web:3 (container)`."""
        return f"{self.image}:{self.number} ({self.variant})"

    @property
    def purl(self) -> str:
        """The package URL of the version (purl-spec, type `oci`: the last part of the name)."""
        name = self.image.rpartition("/")[2]
        qualifiers = {"arch": ARCHITECTURE, "tag": str(self.number)}
        return PackageURL("oci", None, name, self.digest, qualifiers).to_string()

    @property
    def serial(self) -> UUID:
        """What names its documents: the same version and variant always has the same one."""
        return uuid5(_NAMESPACE, f"{self.digest} {self.variant}")

    @property
    def not_scanned(self) -> tuple[TitledBill, ...]:
        """The layers that may hold more than is listed; none of them if the bill is complete."""
        return tuple(each for each in self.layers if each.origin is Origin.NOT_SCANNED)

    def held(self) -> tuple[HeldComponent, ...]:
        """Return every component once, by package URL, with the layers that hold it.

        Of a component that several layers hold, what the lowest of them says counts.
        """
        holders: dict[tuple[str, ...], tuple[Component, list[TitledBill]]] = {}
        for layer in self.layers:
            for identity, component in _by_identity(layer.components).items():
                holders.setdefault(identity, (component, []))[1].append(layer)
        held = [HeldComponent(component, tuple(layers)) for component, layers in holders.values()]
        return tuple(sorted(held, key=lambda each: each.component.purl))


def bill_of(version: Version, variant: VariantRecord, bills: Iterable[LayerBill]) -> Bill:
    """Put together the bill of a variant from those of its layers, in whatever order they come.

    A layer whose bill is missing was not scanned.
    """
    known = {bill.layer: bill for bill in bills}
    layers = []
    for layer in variant.layers:
        bill = known.get(layer.digest, LayerBill(layer.digest, (), Origin.NOT_SCANNED))
        layers.append(TitledBill(bill.layer, bill.components, bill.origin, layer.title))
    return Bill(
        image=version.image,
        number=version.number,
        digest=version.digest,
        variant=variant.kind,
        created=version.created_at,
        layers=tuple(layers),
    )


def not_scanned_text(bill: Bill) -> str:
    """Return the sentence by which a document says that it is not complete, or ""."""
    named = [f"{each.title} ({digests.short(each.layer)})" for each in bill.not_scanned]
    if not named:
        return ""
    return f"Not complete: these layers were not scanned and may hold more: {', '.join(named)}"


def _by_identity(components: Iterable[Component]) -> dict[tuple[str, ...], Component]:
    found: dict[tuple[str, ...], Component] = {}
    for component in components:
        found.setdefault(_identity(component), component)
    return found


def _identity(component: Component) -> tuple[str, ...]:
    """What makes two records one component.

    A scan may not know a Debian package's suite; a version of one name is the same in all of them.
    """
    if component.ecosystem is Ecosystem.DEBIAN:
        return ("deb", component.name, component.version, component.architecture)
    return (component.purl,)
