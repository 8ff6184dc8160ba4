"""Writes signatures and statements as cosign keeps them beside an image in a registry.

Sources: cosign's specifications "Signature Specification" and "Attestation Specification", and the
payload format of `containers-signature(5)`.
"""

import base64

from herdbook.core.digests import Digest
from herdbook.images.artifacts import Artifact, artifact, referrers_tag
from herdbook.images.documents import Document, render
from herdbook.signatures.envelopes import ENVELOPE, Envelope
from herdbook.signatures.statements import PROVENANCE

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_KIND = "application/vnd.dev.cosign.artifact.sig.v1+json"

_SIGNATURE = "dev.cosignproject.cosign/signature"
_PREDICATE = "predicateType"


def claim(name: str, manifest: Digest) -> Document:
    """Return what is signed of an image: that this manifest is that of `name`."""
    critical = {
        "identity": {"docker-reference": name},
        "image": {"docker-manifest-digest": manifest},
        "type": "cosign container image signature",
    }
    return render(SIMPLE_SIGNING, {"critical": critical, "optional": None})


def signature_artifact(subject: Document, claimed: Document, signature: bytes) -> Artifact:
    """Return the signature of a claim, to be laid beside the manifest that it is about."""
    told = {_SIGNATURE: base64.b64encode(signature).decode("ascii")}
    tag = f"{referrers_tag(subject.digest)}.sig"
    return artifact(subject, SIGNATURE_KIND, [(claimed, told)], tag=tag)


def attestation_artifact(subject: Document, envelope: Envelope) -> Artifact:
    """Return a signed provenance, to be laid beside the manifest that it is about."""
    content = Document(ENVELOPE, envelope.render())
    told = {_SIGNATURE: "", _PREDICATE: PROVENANCE}
    tag = f"{referrers_tag(subject.digest)}.att"
    return artifact(subject, ENVELOPE, [(content, told)], {_PREDICATE: PROVENANCE}, tag=tag)
