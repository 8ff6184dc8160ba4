"""Reads and adds to lists of what refers to a manifest, as registries and their clients keep them.

Source: OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.images.artifacts import Artifact
from herdbook.images.documents import INDEX, Document, render


@dataclass(frozen=True)
class Referrer:
    """What a list tells of a manifest that refers to another one; nothing of it is proven."""

    kind: str
    digest: Digest
    size: int
    annotations: Mapping[str, str]


def read_referrers(content: bytes) -> list[Referrer]:
    """Return what a list names, in its order; raises VerificationError where it is none."""
    return [_referrer(each) for each in _descriptors(content)]


def with_referrers(before: bytes | None, added: Sequence[Artifact]) -> Document:
    """Return a list with more in it; what others wrote there stays as it is.

    Raises VerificationError where what was there is no such list.
    """
    kept = [*_descriptors(before)] if before is not None else []
    known = {each.get("digest") for each in kept}
    new = [each.descriptor() for each in added if each.manifest.digest not in known]
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*kept, *new]}
    return render(INDEX, content)


def _descriptors(content: bytes) -> list[dict[str, Any]]:
    try:
        listed = json.loads(content)["manifests"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable() from error
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _unreadable()
    return listed


def _referrer(told: Mapping[str, Any]) -> Referrer:
    digest, size = digests.parse(str(told.get("digest"))), told.get("size")
    annotations = told.get("annotations") or {}
    if digest is None or not isinstance(size, int) or not isinstance(annotations, dict):
        raise _unreadable()
    said = {str(name): str(value) for name, value in annotations.items()}
    return Referrer(str(told.get("artifactType", "")), digest, size, said)


def _unreadable() -> VerificationError:
    return VerificationError(
        "The registry's list of what refers to a manifest cannot be read",
        hint="Nothing of it was used. Have whoever keeps the registry look at it.",
    )
