"""Reads everything that is kept and finds what is not what its name says; changes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from herdbook.actions.verify_blobs import Fault, faulty_blobs
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.stock import Shelf, Stock
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError

_REPAIR = "Make it again: herdbook store check --repair"
_REMEDIES = {
    Fault.MISSING_DOCUMENT: "Forget that version (herdbook store forget), then build it again.",
    Fault.LEFTOVER: "Remove it: herdbook store check --repair",
}

Needing = Mapping[Digest, tuple[str, ...]]
"""Labels of the versions that need a layer or a document, by its digest."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be; `what` is a digest or a path.

    `versions` are the labels of those that need it; `remedy` says what to do, or what was done.
    """

    fault: Fault
    what: str
    versions: tuple[str, ...]
    remedy: str
    repaired: bool = False


@dataclass(frozen=True)
class Checked:
    """How much was read, and what was found."""

    blobs: int
    size_bytes: int
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong, or no longer."""
        return all(finding.repaired for finding in self.findings)


def check_store(workshop: Workshop, stock: Stock) -> Checked:
    """Hash every blob, hold every tree against its layer, look for what is missing.

    What others build, forget or clean meanwhile is no fault.
    """
    blobs = list(_blobs(stock))
    compressed = {each.digest for each in workshop.cache.compressed_layers()}
    faults = faulty_blobs(stock, blobs, compressed, workshop.progress)
    faults += _missing(workshop, stock)
    layers, documents = needing(workshop.versions.every())
    found = [
        Finding(fault, digest, layers.get(digest) or documents.get(digest) or (), _remedy(fault))
        for fault, digest in sorted(set(faults))
    ]
    leftovers = [
        Finding(Fault.LEFTOVER, str(path), (), _remedy(Fault.LEFTOVER))
        for path in stock.leftovers()
    ]
    return Checked(len(blobs), sum(size for _, size in blobs), (*found, *leftovers))


def needing(versions: Iterable[Version]) -> tuple[Needing, Needing]:
    """Return who needs each layer, and who needs each document."""
    layers: dict[Digest, tuple[str, ...]] = {}
    documents: dict[Digest, tuple[str, ...]] = {}
    for version in versions:
        parts = {digest for each in version.variants for digest in (each.manifest, each.config)}
        for digest in parts | {version.digest}:
            documents[digest] = (*documents.get(digest, ()), version.label)
        for digest in {layer.digest for each in version.variants for layer in each.layers}:
            layers[digest] = (*layers.get(digest, ()), version.label)
    return layers, documents


def _blobs(stock: Stock) -> Iterator[tuple[Digest, int]]:
    for held in stock.held(Shelf.BLOBS):
        digest = digests.parse(f"sha256:{held.name}")
        if digest is not None:
            try:
                yield digest, stock.blob(digest).stat().st_size
            except FileNotFoundError:
                continue


def _missing(workshop: Workshop, stock: Stock) -> list[tuple[Fault, Digest]]:
    """Return what versions need that is not there, and which are there still after looking."""
    missing = list(_absent(workshop, stock))
    if missing:
        layers, documents = needing(workshop.versions.every())
        missing = [pair for pair in missing if pair[1] in layers or pair[1] in documents]
    return missing


def _absent(workshop: Workshop, stock: Stock) -> Iterator[tuple[Fault, Digest]]:
    layers, documents = needing(workshop.versions.every())
    for digest in layers:
        if not stock.blob(digest).exists():
            yield Fault.MISSING_LAYER, digest
        elif _lacks_tree(stock, digest):
            yield Fault.MISSING_TREE, digest
    for digest in documents:
        try:
            workshop.versions.document(digest)
        except NotFoundError:
            yield Fault.MISSING_DOCUMENT, digest


def _lacks_tree(stock: Stock, digest: Digest) -> bool:
    try:
        return stock.tree(digest) is None
    except VerificationError:  # there is one, and reading the layer has told about it
        return False


def _remedy(fault: Fault) -> str:
    return _REMEDIES.get(fault, _REPAIR)
