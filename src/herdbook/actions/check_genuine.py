"""Asks whether a version is what its builder signed: in the register, and down to the bytes."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.images.documents import Document, LayerReference
from herdbook.signatures.bills import check_bill
from herdbook.signatures.checking import (
    Check,
    check_index,
    check_manifest,
    check_register,
    check_signature,
    check_signer,
    first_fault,
    kept_of,
)
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.origins import inputs_of
from herdbook.signatures.statements import read_provenance


def refuse_forged(workshop: Workshop, version: Version) -> None:
    """Raise VerificationError where anything of a version is not what its builder signed."""
    _refuse(version, every_check(workshop, version))


def refuse_unsigned(workshop: Workshop, version: Version) -> None:
    """Raise VerificationError as `refuse_forged`, for whom checks the layers by their digests."""
    _refuse(version, stated_checks(workshop, version))


def why_forged(workshop: Workshop, version: Version) -> str:
    """Return what of a version is not what its builder signed; empty where all of it is."""
    return first_fault(every_check(workshop, version))


def signed_provenance(workshop: Workshop, version: Version) -> Envelope:
    """Return where a version comes from; raises VerificationError where nobody's word is on it."""
    envelope = workshop.provenances.find(version.image, version.number)
    signature = check_signature(workshop.keys.ring(), version.image, envelope)
    if envelope is None or signature.fault:
        raise VerificationError(
            f"It is not certain where {version.label} comes from: {signature.fault}",
            hint=f"Where you know better: herdbook sign {version.label} --why TEXT",
        )
    return envelope


def cause_of(workshop: Workshop, version: Version) -> str:
    """Return why a version was made, as its builder signed it; empty where nobody's word is on it.

    A provenance of another version says nothing of this one.
    """
    with suppress(VerificationError):
        stated = read_provenance(signed_provenance(workshop, version).payload)
        if (stated.image, stated.number, stated.digest) == (
            version.image,
            version.number,
            version.digest,
        ):
            return stated.cause
    return ""


def every_check(workshop: Workshop, version: Version) -> Iterator[Check]:
    """Yield all that was looked at, in the register and of the bytes."""
    yield from stated_checks(workshop, version)
    yield from bill_checks(workshop, version)
    yield from byte_checks(workshop, version)


def stated_checks(workshop: Workshop, version: Version) -> Iterator[Check]:
    """Yield what was looked at in the register, ending where nothing further can be said."""
    envelope = workshop.provenances.find(version.image, version.number)
    signature = check_signature(workshop.keys.ring(), version.image, envelope)
    yield signature
    if envelope is None or signature.fault:
        return
    stated = read_provenance(envelope.payload)
    yield check_signer(workshop.keys.ring(), stated)
    yield from check_register(stated, kept_of(version, version.image, version.number))
    if not stated.signer:  # what comes from elsewhere may be here before what it was made from
        yield _check_lineage(workshop, version)
    yield from document_checks(workshop, version)


def _check_lineage(workshop: Workshop, version: Version) -> Check:
    """Compare what the register says a version was made from with its lock, which is signed.

    Whatever is revoked there reaches it by the register. What is not here is no fault.
    """
    parent = inputs_of(version.lock).parent
    if parent is None:
        return Check("lineage")
    image, _, number = parent[0].rpartition(":")
    below = workshop.versions.find(image, int(number))
    _, *lineage = workshop.versions.lineage(version.image, version.number)
    if below is None or below.digest != parent[1] or (image, int(number)) in lineage[:1]:
        return Check("lineage")
    return Check("lineage", f"it was made from {parent[0]}, and the register says otherwise")


def document_checks(workshop: Workshop, version: Version) -> Iterator[Check]:
    """Yield what was found of a version's documents: each names what the register does."""
    yield check_index(_document(workshop, version.digest), version)
    for variant in version.variants:
        manifest = _document(workshop, variant.manifest)
        yield from check_manifest(variant, manifest, _document(workshop, variant.config))


def bill_checks(workshop: Workshop, version: Version) -> Iterator[Check]:
    """Yield what was found of what the layers of a version are said to hold."""
    layers = {layer.digest for each in version.variants for layer in each.layers}
    signed, ring = workshop.provenances.bills(layers), workshop.keys.ring()
    for bill in workshop.components.bills(sorted(layers)):
        yield check_bill(ring, version.image, bill, signed.get(bill.layer))


def byte_checks(workshop: Workshop, version: Version) -> Iterator[Check]:
    """Read the layers of a version, each once, and yield what was found of them."""
    layers = {layer.digest: layer for each in version.variants for layer in each.layers}
    title = f"Verifying {version.label}"
    size_bytes = sum(layer.size for layer in layers.values())
    with workshop.progress.task(title, size_bytes, "bytes") as task:

        def check(layer: LayerReference) -> Check:
            found = _check_layer(workshop, layer)
            task.advance(layer.size)
            return found

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(check, layers.values())


def _check_layer(workshop: Workshop, layer: LayerReference) -> Check:
    part = f"layer {layer.title}"
    try:
        path = workshop.layers.path(layer.digest)
        found = digest_at(path)
    except (NotFoundError, OSError):
        return Check(part, "it is not kept any more")
    return Check(part, "" if found == layer.digest else f"its bytes were changed ({layer.digest})")


def digest_at(path: Path) -> Digest:
    """Return the digest of a file's content, read anew where anything was done to the file."""
    status = path.stat()
    # Nobody can set the last of these: whoever writes to the file or sets its times moves it.
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _digest_at(path, state)


@lru_cache(maxsize=100_000)
def _digest_at(path: Path, _state: tuple[int, ...]) -> Digest:
    return digests.of_file(path)


def _document(workshop: Workshop, digest: Digest) -> Document | None:
    try:
        return workshop.versions.document(digest)
    except NotFoundError:
        return None


def _refuse(version: Version, checks: Iterator[Check]) -> None:
    if fault := first_fault(checks):
        raise VerificationError(
            f"{version.label} is not what its builder signed: {fault}",
            hint=f"See all that is wrong with it: herdbook verify {version.label}",
        )
