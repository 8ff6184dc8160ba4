"""Pulls a version that another Herdbook pushed: the same digest, under the next number here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from herdbook.actions.fetch_layers import Travelling, fetch_layers
from herdbook.actions.note import note
from herdbook.actions.read_parts import list_tellers, read_version_parts
from herdbook.actions.require_role import require_role
from herdbook.actions.require_trust import require_told, require_trust, statements_about
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import NewVersion, Version
from herdbook.catalogue.travelling import Parts, checked_image, new_version
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.images.documents import INDEX, Document, LayerReference
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.travelling import (
    layers_in,
    named_in,
    travelling_index,
    travelling_manifest,
)
from herdbook.people.acts import Act

_ORIGINAL = "Have the version pushed again by the Herdbook that built it."


@dataclass(frozen=True)
class Pulled:
    """A version that is here now, whether it was before, and what that took.

    `origin` is its label in the register that pushed it.
    """

    version: Version
    name: RegistryName
    origin: str
    unchanged: bool
    came_bytes: int
    there_bytes: int


def pull(workshop: Workshop, reference: str, image: str = "") -> Pulled:
    """Bring a version into this register, under its own image's name or another one.

    Everything is verified by digest before it is used; nothing changes here unless all of it is
    there. Idempotent. Raises InvalidInputError for a reference or name that means nothing,
    NotFoundError for what no Herdbook pushed, VerificationError where something is not what it is
    said to be, or nobody whose word counts has signed it, and what the port to registries raises.
    """
    if image:
        checked_image(image)
    name = registry_name(reference)
    if not (name.tag or name.digest):
        raise InvalidInputError(
            f"{reference!r} does not say which version", hint=f"Write {reference}:TAG."
        )
    with workshop.progress.task(f"Looking at {name}"):
        index = workshop.registry.manifest(name)
        tellers = list_tellers(workshop, name, index)
        stated = statements_about(workshop, name, index)
        teller = require_told(workshop, name, tellers, stated)
        parts = read_version_parts(workshop, name, index, teller.artifact)
        _require_number(name, parts.facts.number)
        lock = _lock(parts)
        new = new_version(parts, image or parts.facts.image, _parent(workshop, lock))
        layers = _travelling(workshop, name, index, new)
        made = parts.facts.image, parts.facts.number
        signer = require_trust(workshop, name, stated, teller, made, new)
    origin = f"{parts.facts.image}:{parts.facts.number}"
    reason = f"pulled from {name}, where {signer.name} signed it as {origin}"
    new = replace(new, reason=reason, signer=signer.key.identity)
    known = with_digest(workshop, new.image, new.digest)
    require_role(workshop, Act.PULL, new.image)
    with workshop.layers.lease(new.image):
        came, there = fetch_layers(workshop, name, layers)
        version = known or _add(workshop, new, name, origin)
    return Pulled(version, name, origin, known is not None, came, there)


def _require_number(name: RegistryName, number: int) -> None:
    """Refuse an older version under the tag of a newer one: tags are not signed."""
    if name.digest is None and name.tag.isdecimal() and int(name.tag) != number:
        raise VerificationError(
            f"The tag {name.tag} of {name.repository} names version {number}",
            hint="Somebody has moved it. Name what you mean by its digest.",
        )


def with_digest(workshop: Workshop, image: str, digest: Digest) -> Version | None:
    """Return the version of an image that has a digest, the newest if there are several."""
    for number in workshop.versions.with_document(image, digest):
        found = workshop.versions.find(image, number)
        if found is not None and found.digest == digest:
            return found
    return None


def _lock(parts: Parts) -> Lock:
    try:
        return Lock.model_validate_json(parts.lock)
    except ValueError as error:
        raise VerificationError(
            f"The lock of {parts.facts.image}:{parts.facts.number} cannot be read",
            hint="It may be of a newer Herdbook.",
        ) from error


def _parent(workshop: Workshop, lock: Lock) -> tuple[str, int] | None:
    """Return what it was made from, where that is here: pulled, it has another number."""
    if lock.parent is None:
        return None
    found = with_digest(workshop, lock.parent.image, lock.parent.digest)
    return (found.image, found.number) if found else None


def _travelling(
    workshop: Workshop, name: RegistryName, index: Document, new: NewVersion
) -> Sequence[Travelling]:
    """Return the version's layers with the blobs they travel as.

    Raises VerificationError unless the index is exactly that of this version.
    """
    plain = {document.digest: document for document in new.documents}
    listed = named_in(index, "manifests") if index.media_type == INDEX else []
    packed: dict[LayerReference, LayerReference] = {}
    for variant, named in zip(new.variants, listed, strict=False):
        blobs = layers_in(workshop.registry.manifest(name.at(named.digest)))
        packed |= zip(variant.layers, blobs, strict=False)
    by_digest = {layer.digest: blob for layer, blob in packed.items()}
    try:
        manifests = [
            (each.kind.value, travelling_manifest(plain[each.manifest], by_digest))
            for each in new.variants
        ]
    except KeyError:  # a manifest with fewer layers
        manifests = []
    if travelling_index(manifests).digest != index.digest:
        raise VerificationError(
            f"What is told of {name} does not belong to it", hint=f"Nothing was kept. {_ORIGINAL}"
        )
    return [Travelling(layer, blob) for layer, blob in packed.items()]


def _add(workshop: Workshop, new: NewVersion, name: RegistryName, origin: str) -> Version:
    note(workshop, "pull", new.image, pulled_from=str(name), digest=new.digest, origin=origin)
    version = workshop.versions.add(new)
    workshop.advisories.match_new()
    return version
