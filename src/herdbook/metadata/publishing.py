"""Holds what is published against the audit, which says what was published last."""

from pydantic import JsonValue

from herdbook.audit.chain import Entry, Record
from herdbook.core import digests
from herdbook.metadata.model import Document

PUBLISH = "publish-metadata"
"""What the audit says is done to a role when one of its documents is published."""


def subject_of(role: str) -> str:
    """Return how the audit names a role."""
    return f"metadata {role}"


def publish_entry(document: Document, who: str) -> Entry:
    """Return what the audit says of a document that is published."""
    details: dict[str, JsonValue] = {
        "version": document.version,
        "digest": digests.of_bytes(document.content),
    }
    return Entry(who=who, verb=PUBLISH, subject=subject_of(document.role), details=details)


def put_back(document: Document | None, record: Record | None) -> str:
    """Return where register and audit say other things of a role; empty where they agree.

    Somebody may have changed a document, laid back an older one, or put a draft in its place.
    """
    if record is None:
        return "" if document is None else "nobody has published it"
    if document is None:
        return "what was published is gone"
    said = record.details.get("version"), record.details.get("digest")
    same = said == (document.version, digests.of_bytes(document.content))
    return "" if same else f"it is not version {record.details.get('version')} as it was published"
