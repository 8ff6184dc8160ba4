"""Publishes what enough have signed, and says anew in time what is the newest."""

from collections.abc import Sequence

from tuf.api.metadata import Root, Timestamp

from herdbook.actions.read_metadata import Published
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import VerificationError
from herdbook.metadata import composing
from herdbook.metadata.model import BY_THE_SERVER, ROOT, SNAPSHOT, TIMESTAMP, Document
from herdbook.metadata.signing import document, may_sign, read, sign
from herdbook.signatures.keys import PrivateKey


def with_snapshot(
    workshop: Workshop, documents: Sequence[Document], root: Root | None = None
) -> list[Document]:
    """Return documents with a snapshot and a timestamp that name them as the newest.

    Whatever else they name is what was published last, by the audit. Raises VerificationError
    where the server's key is none that the root names: the one given, or the one in force.
    """
    key, expires = workshop.anchor.online(), workshop.clock.now() + BY_THE_SERVER
    published = Published(workshop)
    _refuse_strange_key(root or (published.root.signed if published.root else None), key)
    versions = workshop.metadata.versions()
    number = versions.get(SNAPSHOT, 0) + 1
    named = {each.role: each.version for each in documents}
    known = versions.keys() | published.roles
    for role in known - named.keys() - {ROOT, SNAPSHOT, TIMESTAMP}:
        if (newest := published.newest(role)) is not None:
            named[role] = newest.version
    named.pop(ROOT, None)
    snapshot = composing.snapshot(named, number, expires)
    sign(snapshot, key)
    return [*documents, document(SNAPSHOT, snapshot), _timestamp(workshop, number, key)]


def refresh(workshop: Workshop) -> bool:
    """Say anew which snapshot is the newest, where half of that time is over; tell whether it was.

    Raises as `with_snapshot`.
    """
    known = workshop.metadata.newest(TIMESTAMP)
    if known is None:
        return False
    now = workshop.clock.now()
    if read(known.content, Timestamp).signed.expires - now > BY_THE_SERVER / 2:
        return False
    workshop.metadata.publish(with_snapshot(workshop, []), workshop.actor, now)
    return True


def _refuse_strange_key(root: Root | None, key: PrivateKey) -> None:
    if root is None or not may_sign(root, SNAPSHOT, key.public.identity):
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
