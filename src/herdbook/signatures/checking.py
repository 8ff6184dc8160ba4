"""Compares what a builder signed with what is kept: names each part that is not the same."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from herdbook.catalogue.model import NewVersion, VariantRecord, Version
from herdbook.core.digests import Digest, of_bytes
from herdbook.images.documents import Document
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.model import Ring, Standing
from herdbook.signatures.origins import manifests_of
from herdbook.signatures.statements import Stated


@dataclass(frozen=True)
class Check:
    """One part of a version that was looked at; `fault` is empty where it is as it was signed."""

    part: str
    fault: str = ""


def first_fault(checks: Iterable[Check]) -> str:
    """Return in words what is wrong first, looking no further; empty where nothing is."""
    return next((f"{each.part}: {each.fault}" for each in checks if each.fault), "")


def check_signature(ring: Ring, image: str, envelope: Envelope | None) -> Check:
    """Say whether a statement about an image is signed by somebody whose word counts."""
    return Check("signature", _signature_fault(ring, image, envelope))


def _signature_fault(ring: Ring, image: str, envelope: Envelope | None) -> str:
    if envelope is None:
        return "nobody has signed it"
    if fault := check_validity(ring, envelope):
        return fault
    known = ring.identified(envelope.key)
    if known is not None and not known.counts_for(image):
        counts = f"which counts for {known.images} only, not for {image}"
        return f"it is signed by the key {known.name}, {counts}"
    return ""


def check_validity(ring: Ring, envelope: Envelope) -> str:
    """Return why a signature does not count for any image; empty where it does for some."""
    known = ring.identified(envelope.key)
    if known is None:
        return f"it is signed by a key that is not in the ring ({envelope.key[:12]})"
    if known.standing is Standing.DISTRUSTED:
        return f"it is signed by the key {known.name}, which is distrusted"
    if not envelope.is_by(known.key):
        return f"the signature of the key {known.name} is not valid: what it signed was changed"
    return ""


def is_lacking(ring: Ring, envelope: Envelope | None) -> bool:
    """Tell whether nobody in the ring has his word on a statement, valid or not."""
    known = ring.identified(envelope.key) if envelope else None
    return known is None or known.standing is Standing.DISTRUSTED


@dataclass(frozen=True)
class Kept:
    """What is kept of a version that its builder has stated, by the names of `Origins`."""

    image: str
    number: int
    digest: Digest
    variants: Mapping[str, Digest]
    lock: Digest
    recipe: Digest
    build_key: Digest


def kept_of(version: Version | NewVersion, image: str, number: int) -> Kept:
    """Return what is kept of a version, which is of that image and number."""
    return Kept(
        image,
        number,
        version.digest,
        manifests_of(version.variants),
        of_bytes(version.lock.encode()),
        of_bytes(version.recipe.encode()),
        version.build_key,
    )


def check_register(stated: Stated, kept: Kept) -> Iterator[Check]:
    """Compare what is kept of a version with what its builder stated."""
    same = (stated.image, stated.number) == (kept.image, kept.number)
    yield Check("provenance", "" if same else f"it is that of {stated.label}")
    yield _same("index", stated.digest, kept.digest)
    for kind in sorted({*stated.variants, *kept.variants}):
        yield _same(f"manifest of the {kind}", stated.variants.get(kind), kept.variants.get(kind))
    yield _same("lock", stated.lock, kept.lock)
    yield _same("recipe", stated.recipe, kept.recipe)
    yield _same("build key", stated.build_key, kept.build_key)


def check_signer(ring: Ring, stated: Stated) -> Check:
    """Say whether the word still counts of who had signed what came from elsewhere."""
    known = ring.identified(stated.signer)
    gone = bool(stated.signer) and (known is None or known.standing is Standing.DISTRUSTED)
    name = known.name if known else stated.signer[:12]
    fault = f"it came from elsewhere, signed by the key {name}, which does not count any more"
    return Check("signer", fault if gone else "")


def check_index(index: Document | None, version: Version) -> Check:
    """Compare the manifests that an index names with those of the register."""
    named = _named(index, "manifests")
    if index is None or named is None:
        return Check("index as kept", "it is not kept any more, or was changed")
    kept = [each.manifest for each in version.variants]
    fault = "" if sorted(named) == sorted(kept) else "it names other manifests"
    return Check("index as kept", fault)


def check_manifest(
    variant: VariantRecord, manifest: Document | None, config: Document | None
) -> Iterator[Check]:
    """Compare what a manifest names with what the register does, and see to its configuration."""
    part, named = f"manifest of the {variant.kind} as kept", _named(manifest, "layers")
    if manifest is None or named is None:
        yield Check(part, "it is not kept any more, or was changed")
    elif named != [layer.digest for layer in variant.layers]:
        yield Check(part, "the register names other layers than it does")
    elif json.loads(manifest.content)["config"]["digest"] != variant.config:
        yield Check(part, "the register names another configuration than it does")
    else:
        yield Check(part)
    lacking = "" if config is not None else "it is not kept any more, or was changed"
    yield Check(f"configuration of the {variant.kind}", lacking)


def _named(document: Document | None, what: str) -> list[str] | None:
    """Return the digests that a document names; None where there is none, or of another form."""
    if document is None:
        return None
    try:
        content: Mapping[str, list[Mapping[str, str]]] = json.loads(document.content)
        return [each["digest"] for each in content[what]]
    except (ValueError, KeyError, TypeError):
        return None


def _same(part: str, signed: Digest | None, kept: Digest | None) -> Check:
    return Check(part, "" if signed == kept else f"it is not the one that was signed ({signed})")
