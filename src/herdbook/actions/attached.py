"""Gathers what is said of a version's variant, as artifacts that refer to its manifest."""

from herdbook.actions.workshop import Workshop
from herdbook.actions.write_bill import write_bill
from herdbook.catalogue.model import Variant, Version
from herdbook.images.artifacts import Artifact, artifact
from herdbook.images.documents import Document

BILL_TYPES = {
    "cyclonedx": "application/vnd.cyclonedx+json",
    "spdx": "application/spdx+json",
}


def attached(
    workshop: Workshop, version: Version, kind: Variant, manifest: Document
) -> list[Artifact]:
    """Return what is said of a variant whose manifest is this one, as it travels."""
    return [_bill(workshop, version, kind, manifest, form) for form in BILL_TYPES]


def _bill(
    workshop: Workshop, version: Version, kind: Variant, manifest: Document, form: str
) -> Artifact:
    written = write_bill(workshop, version, kind, form)
    bill = Document(BILL_TYPES[form], written.content)
    title = {"org.opencontainers.image.title": f"bill.{form}.json"}
    return artifact(manifest, bill.media_type, [(bill, title)])
