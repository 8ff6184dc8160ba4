"""Renders what is said of a manifest (a bill, a signature) as an artifact that refers to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import INDEX, MANIFEST, Document, render

NOTHING = Document("application/vnd.oci.empty.v1+json", b"{}")
"""What stands where a manifest needs a configuration, and there is none to give."""


@dataclass(frozen=True)
class Artifact:
    """A manifest that refers to another one, and the small blobs it consists of.

    `tag` is the name under which clients look for it that ask for no referrers, if there are any.
    Source: OCI image specification 1.1, "Guidelines for Artifact Usage".
    """

    kind: str
    manifest: Document
    blobs: tuple[Document, ...]
    annotations: Mapping[str, str]
    tag: str = ""

    def descriptor(self) -> dict[str, Any]:
        """Return how a list of referrers tells of it (OCI distribution specification 1.1)."""
        told = {"artifactType": self.kind, "annotations": dict(self.annotations)}
        return {**self.manifest.descriptor(), **told}


def artifact(
    subject: Document,
    kind: str,
    blobs: Sequence[tuple[Document, Mapping[str, str]]],
    annotations: Mapping[str, str] | None = None,
    tag: str = "",
) -> Artifact:
    """Return blobs, each with annotations of its own, as an artifact that refers to `subject`."""
    told = dict(sorted((annotations or {}).items()))
    layers = [
        {**blob.descriptor(), **({"annotations": dict(sorted(said.items()))} if said else {})}
        for blob, said in blobs
    ]
    manifest = render(
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": NOTHING.descriptor(),
            "layers": layers,
            "subject": subject.descriptor(),
            "annotations": told,
        },
    )
    return Artifact(kind, manifest, (NOTHING, *(blob for blob, _ in blobs)), told, tag)


def referrers_index(artifacts: Sequence[Artifact]) -> Document:
    """Return the list of what refers to one manifest."""
    manifests = [each.descriptor() for each in artifacts]
    return render(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def referrers_tag(subject: Digest) -> str:
    """Return the tag of that list in registries that do not keep it themselves.

    Source: OCI distribution specification 1.1, "Referrers Tag Schema".
    """
    return f"sha256-{digests.hexadecimal(subject)}"
