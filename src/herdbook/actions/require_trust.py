"""Finds out whether somebody who counts has signed a version that comes from a registry.

Two statements are asked for: where the version comes from, and that all that is told of it (lock,
recipe, bills, facts) is what its builder told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from herdbook.actions.read_parts import read_blob
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import NewVersion
from herdbook.channels.model import Made
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.travelling import named_in
from herdbook.signatures.checking import (
    check_register,
    check_signature,
    check_validity,
    first_fault,
    kept_of,
)
from herdbook.signatures.envelopes import ENVELOPE, Envelope, parse_envelope
from herdbook.signatures.model import KnownKey
from herdbook.signatures.statements import (
    PROVENANCE,
    TOLD,
    predicate_type_of,
    read_provenance,
    subjects_of,
)

_LARGEST_BYTES = 4 << 20
_MOST = 20
"""So many statements are read of one index: anybody who writes to the registry can add some."""

_TRUST = (
    "See whose word counts: herdbook key ls. What another builder prints with herdbook key export "
    "is added with herdbook key trust."
)
_NOBODY = "nobody has signed where it comes from"


def statements_about(workshop: Workshop, name: RegistryName, index: Document) -> list[Envelope]:
    """Return what is stated of an index, whoever did; what cannot be read is no statement."""
    return list(_statements(workshop, name, index))


@dataclass(frozen=True)
class Teller:
    """An artifact that tells of a version, and the identity of the key that has signed it."""

    artifact: Digest
    key: str


def require_told(
    workshop: Workshop, name: RegistryName, listed: Sequence[Digest], stated: Sequence[Envelope]
) -> Teller:
    """Return the first artifact that somebody in the ring has signed; raises VerificationError."""
    ring, fault = workshop.keys.ring(), _NOBODY
    for envelope in _of_type(stated, TOLD):
        fault = check_validity(ring, envelope)
        if not fault:
            about = set(subjects_of(envelope.payload).values())
            if found := next((each for each in listed if each in about), None):
                return Teller(found, envelope.key)
    raise _untrusted(name, fault)


def require_trust(
    workshop: Workshop,
    name: RegistryName,
    stated: Sequence[Envelope],
    teller: Teller,
    origin: Made,
    new: NewVersion,
) -> KnownKey:
    """Return the key that has signed where a version comes from, and all that is told of it.

    It counts for the image there, which `origin` tells with its number, and here. Raises
    VerificationError where nobody who counts has signed both.
    """
    fault = _NOBODY
    for envelope in _of_type(stated, PROVENANCE):
        if envelope.key != teller.key:
            fault = "one key has signed where it comes from, and another one what is told of it"
            continue
        fault = _fault(workshop, envelope, origin, new)
        known = workshop.keys.ring().identified(envelope.key)
        if known is not None and not fault:
            return known
    raise _untrusted(name, fault)


def _fault(workshop: Workshop, envelope: Envelope, origin: Made, new: NewVersion) -> str:
    """Return what speaks against a statement; empty where it is about just this version."""
    ring = workshop.keys.ring()
    for image in dict.fromkeys((origin[0], new.image)):
        if fault := check_signature(ring, image, envelope).fault:
            return fault
    return first_fault(check_register(read_provenance(envelope.payload), kept_of(new, *origin)))


def _untrusted(name: RegistryName, fault: str) -> VerificationError:
    return VerificationError(f"{name} is not to be trusted: {fault}", hint=_TRUST)


def _of_type(stated: Sequence[Envelope], wanted: str) -> list[Envelope]:
    return [each for each in stated if predicate_type_of(each.payload) == wanted]


def _statements(workshop: Workshop, name: RegistryName, index: Document) -> Iterator[Envelope]:
    for listed in workshop.registry.referrers(name, index.digest, ENVELOPE)[:_MOST]:
        manifest = workshop.registry.manifest(name.at(listed.digest))
        for blob in named_in(manifest, "layers")[:_MOST]:
            if blob.size > _LARGEST_BYTES:
                continue
            content = read_blob(workshop, name, blob)
            try:
                yield parse_envelope(content)
            except VerificationError:
                continue
