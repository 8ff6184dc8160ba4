"""Publishes what enough have signed, and says anew in time what is the newest."""

from collections.abc import Sequence

from tuf.api.metadata import Timestamp

from herdbook.actions.read_metadata import Published
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import VerificationError
from herdbook.metadata import composing
from herdbook.metadata.model import BY_THE_SERVER, ROOT, SNAPSHOT, TIMESTAMP, Document
from herdbook.metadata.signing import document, may_sign, read, sign
from herdbook.signatures.keys import PrivateKey


def with_snapshot(workshop: Workshop, documents: Sequence[Document]) -> list[Document]:
    """Return documents with a snapshot and a timestamp that name them as the newest."""
    key, expires = workshop.anchor.online(), workshop.clock.now() + BY_THE_SERVER
    versions = workshop.metadata.versions()
    number = versions.pop(SNAPSHOT, 0) + 1
    versions |= {each.role: each.version for each in documents}
    signed = {role: each for role, each in versions.items() if role not in {ROOT, TIMESTAMP}}
    snapshot = composing.snapshot(signed, number, expires)
    sign(snapshot, key)
    return [*documents, document(SNAPSHOT, snapshot), _timestamp(workshop, number, key)]


def refresh(workshop: Workshop) -> bool:
    """Say anew which snapshot is the newest, where half of that time is over; tell whether it was.

    Raises VerificationError where the server's key is none that the root names.
    """
    known = workshop.metadata.newest(TIMESTAMP)
    if known is None:
        return False
    now = workshop.clock.now()
    if read(known.content, Timestamp).signed.expires - now > BY_THE_SERVER / 2:
        return False
    refuse_strange_key(workshop)
    workshop.metadata.publish(with_snapshot(workshop, []), None, now)
    return True


def refuse_strange_key(workshop: Workshop) -> None:
    """Raise VerificationError where the server's key is none that the root names."""
    root = Published(workshop).root
    identity = workshop.anchor.online().public.identity
    if root is not None and not may_sign(root.signed, SNAPSHOT, identity):
        raise VerificationError(
            "The server's key is not the one that the root names",
            hint="Lay online.key back from a backup, or have the holders name the new one: "
            "herdbook metadata holders",
        )


def _timestamp(workshop: Workshop, snapshot_version: int, key: PrivateKey) -> Document:
    known = workshop.metadata.newest(TIMESTAMP)
    version = known.version + 1 if known else 1
    expires = workshop.clock.now() + BY_THE_SERVER
    made = composing.timestamp(snapshot_version, version, expires)
    sign(made, key)
    return document(TIMESTAMP, made)
