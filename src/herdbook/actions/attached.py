"""Gathers what is said of a version's documents, as artifacts that refer to their manifests."""

from herdbook.actions.check_genuine import refuse_unsigned, signed_provenance
from herdbook.actions.workshop import Workshop
from herdbook.actions.write_bill import write_bill
from herdbook.catalogue.model import Variant, Version
from herdbook.images.artifacts import Artifact, artifact
from herdbook.images.documents import Document
from herdbook.signatures.cosign import attestation_artifact, claim, signature_artifact
from herdbook.signatures.envelopes import ENVELOPE, Envelope
from herdbook.signatures.statements import TOLD, restated, statement

BILL_TYPES = {
    "cyclonedx": "application/vnd.cyclonedx+json",
    "spdx": "application/spdx+json",
}


def attached(
    workshop: Workshop, version: Version, kind: Variant, manifest: Document
) -> list[Artifact]:
    """Return what is said of a variant whose manifest is this one, as it travels.

    Equal ones every time. Raises VerificationError where nobody's word is on the version.
    """
    bills = [_bill(workshop, version, kind, manifest, form) for form in BILL_TYPES]
    return [*attached_to_index(workshop, version, manifest), *bills]


def attached_to_index(workshop: Workshop, version: Version, index: Document) -> list[Artifact]:
    """Return what is said of a version as a whole, whose index is this one, as it travels."""
    envelope = _provenance(workshop, version, index)
    claimed = claim(version.image, index.digest)
    signature = workshop.keys.signature_of(claimed.digest)
    return [
        signature_artifact(index, claimed, signature),
        attestation_artifact(index, envelope),
    ]


def told_of_version(workshop: Workshop, index: Document, told: Artifact) -> Artifact:
    """Return the builder's word on what an artifact tells another register of a version."""
    payload = statement({"told": told.manifest.digest}, TOLD, {})
    content = Document(ENVELOPE, workshop.keys.sign(lambda _: payload).render())
    said = {"predicateType": TOLD}
    return artifact(index, ENVELOPE, [(content, said)], said)


def _provenance(workshop: Workshop, version: Version, document: Document) -> Envelope:
    """Return where a version comes from, as a statement about this document of it as well.

    What is compressed to travel has another manifest, which the builder has not seen then.
    """
    refuse_unsigned(workshop, version)
    envelope = signed_provenance(workshop, version)
    about = restated(envelope.payload, version.label, document.digest)
    return envelope if about == envelope.payload else workshop.keys.sign(lambda _: about)


def _bill(
    workshop: Workshop, version: Version, kind: Variant, manifest: Document, form: str
) -> Artifact:
    written = write_bill(workshop, version, kind, form)
    bill = Document(BILL_TYPES[form], written.content)
    title = {"org.opencontainers.image.title": f"bill.{form}.json"}
    return artifact(manifest, bill.media_type, [(bill, title)])
