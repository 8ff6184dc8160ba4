"""Finds the licences of what a version holds, and of what in it nobody knows them."""

from collections.abc import Iterator

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.licences import Licensed
from herdbook.trust.bill import bill_of


def find_licences(workshop: Workshop, version: Version) -> list[Licensed]:
    """Return each component once, with its licence; a layer that nobody scanned has none known."""
    return list(dict.fromkeys(_licensed(workshop, version)))


def _licensed(workshop: Workshop, version: Version) -> Iterator[Licensed]:
    for variant in version.variants:
        layers = [layer.digest for layer in variant.layers]
        bill = bill_of(version, variant, workshop.components.bills(layers))
        for held in bill.held():
            component = held.component
            yield Licensed(component.name, component.version, component.licence)
        for layer in bill.not_scanned:
            yield Licensed(f"layer:{layer.title.partition('@')[0]}", "", "")
