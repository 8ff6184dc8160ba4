"""Finds out whether somebody who counts has signed a version that comes from a registry."""

from collections.abc import Iterator

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import NewVersion
from herdbook.channels.model import Made
from herdbook.core.errors import VerificationError
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.travelling import named_in
from herdbook.signatures.checking import check_register, check_signature
from herdbook.signatures.envelopes import ENVELOPE, Envelope, parse_envelope
from herdbook.signatures.model import KnownKey
from herdbook.signatures.statements import read_provenance

_LARGEST_BYTES = 4 << 20
_MOST = 20
"""So many statements are read of one index: anybody who writes to the registry can add some."""

_TRUST = (
    "There: herdbook key export > builder.pub. Here: herdbook key trust builder.pub --name NAME"
)


def require_trust(
    workshop: Workshop,
    name: RegistryName,
    index: Document,
    origin: Made,
    new: NewVersion,
) -> KnownKey:
    """Return the key that has signed a version, which counts for its image there and here.

    `origin` is its image and number there. Raises VerificationError where nobody who counts has
    signed just that.
    """
    fault = "nobody has signed where it comes from"
    for envelope in _statements(workshop, name, index):
        found = _fault(workshop, envelope, origin, new)
        known = workshop.keys.ring().identified(envelope.key)
        if known is not None and not found:
            return known
        fault = found
    raise VerificationError(f"{name} is not to be trusted: {fault}", hint=_TRUST)


def _fault(workshop: Workshop, envelope: Envelope, origin: Made, new: NewVersion) -> str:
    """Return what speaks against a statement; empty where it is about just this version."""
    ring = workshop.keys.ring()
    for image in dict.fromkeys((origin[0], new.image)):
        if fault := check_signature(ring, image, envelope).fault:
            return fault
    checks = check_register(read_provenance(envelope.payload), new, *origin)
    return next((f"{each.part}: {each.fault}" for each in checks if each.fault), "")


def _statements(workshop: Workshop, name: RegistryName, index: Document) -> Iterator[Envelope]:
    """Yield what is stated of an index; what cannot be read as a statement is none."""
    for listed in workshop.registry.referrers(name, index.digest, ENVELOPE)[:_MOST]:
        manifest = workshop.registry.manifest(name.at(listed.digest))
        for blob in named_in(manifest, "layers"):
            if blob.size > _LARGEST_BYTES:
                continue
            with workshop.staging() as folder, workshop.progress.task("Reading") as task:
                file = folder / "statement"
                workshop.registry.pull_blob(name, blob.digest, blob.size, file, task)
                content = file.read_bytes()
            try:
                yield parse_envelope(content)
            except VerificationError:
                continue
