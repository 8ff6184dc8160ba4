"""Says whose keys hold the root, and signs what is due: the root, who guards what, old lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from tuf.api.metadata import Root, Targets

from herdbook.actions.note import entry
from herdbook.actions.publish_metadata import with_snapshot
from herdbook.actions.read_metadata import Published
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.metadata import composing
from herdbook.metadata.due import Due, Known, due, ready
from herdbook.metadata.model import BY_PEOPLE, ROOT, SNAPSHOT, TIMESTAMP
from herdbook.metadata.signing import document, draft, expires_of, read, sign
from herdbook.people.acts import Act
from herdbook.signatures.keys import PrivateKey, PublicKey


def name_holders(workshop: Workshop, holders: Mapping[str, PublicKey], threshold: int) -> None:
    """Say whose keys hold the root from now on, once enough of them, and of those before, sign.

    Raises InvalidInputError for a threshold that cannot be reached, or one key under two names.
    """
    require_role(workshop, Act.NAME_HOLDERS)
    if not 0 < threshold <= len(holders):
        raise InvalidInputError(
            f"{threshold} of {len(holders)} keys cannot sign", hint="Name as many keys, or more."
        )
    if len({each.identity for each in holders.values()}) < len(holders):
        raise InvalidInputError("One key is there under two names", hint="Name each key once.")
    before, now = Published(workshop).root, workshop.clock.now()
    version = before.signed.version + 1 if before else 1
    online = workshop.anchor.online(make=True).public
    made = composing.root(holders, threshold, online, version, now + BY_PEOPLE)
    names: dict[str, JsonValue] = {name: key.identity for name, key in holders.items()}
    written = entry(workshop, "name-holders", ROOT, holders=names, threshold=threshold)
    workshop.metadata.keep_draft(draft(ROOT, made), written, now, replaces_root=True)


def signatures_due(workshop: Workshop) -> list[Due]:
    """Return what waits for signatures, the root first; raises NotFoundError before there is one.

    What is published is due again 60 days before it expires.
    """
    found = due(_known(workshop), workshop.channels.rules().guards)
    if not found and workshop.anchor.pinned() is None:
        raise NotFoundError(
            "Nobody holds a root yet", hint="Say who does: herdbook metadata holders --help"
        )
    return found


def sign_due(
    workshop: Workshop, key: PrivateKey, shown: Sequence[Due] | None = None
) -> tuple[list[Due], list[str]]:
    """Sign all that is due and for which this key counts; return that, and what is published now.

    Raises as `signatures_due`, and ConflictError where that is not what was `shown` any more.
    """
    require_role(workshop, Act.SIGN_METADATA)
    signed = [each for each in signatures_due(workshop) if each.takes(key.public.identity)]
    known = {each.role: each for each in (signed if shown is None else shown)}
    if not all(each.role in known and known[each.role].is_as(each) for each in signed):
        raise ConflictError(
            "What is to be signed has changed meanwhile",
            hint="Look at it again: herdbook metadata show",
        )
    for each in signed:
        sign(each.metadata, key)
        version = each.metadata.signed.version
        written = entry(workshop, "sign-metadata", each.role, version=version)
        kept = draft(each.role, each.metadata)
        workshop.metadata.keep_draft(kept, written, workshop.clock.now())
    return signed, _publish_ready(workshop)


def require_pinned(workshop: Workshop) -> bytes:
    """Return the first root; raises NotFoundError before it is published."""
    found = workshop.anchor.pinned()
    if found is None:
        raise NotFoundError(
            "No root is published yet", hint="See what is missing: herdbook metadata show"
        )
    return found


@dataclass(frozen=True)
class PublishedRole:
    """What is published of a role, and until when it holds."""

    role: str
    version: int
    expires: datetime


def list_published(workshop: Workshop) -> list[PublishedRole]:
    """Return what is published of each role, by their names."""
    newest = [workshop.metadata.newest(role) for role in sorted(workshop.metadata.versions())]
    return [
        PublishedRole(each.role, each.version, expires_of(each.content))
        for each in newest
        if each is not None
    ]


def _publish_ready(workshop: Workshop) -> list[str]:
    known = _known(workshop)
    found = ready(due(known, workshop.channels.rules().guards))
    if not found:
        return []
    documents, roles = [each.document() for each in found], [each.role for each in found]
    root = next((each.metadata.signed for each in found if each.role == ROOT), None)
    pinned = workshop.anchor.pinned()
    if pinned is not None and workshop.metadata.newest(ROOT) is None:
        # Somebody was killed just after it was pinned: that one is the first, and stays it.
        documents.insert(0, document(ROOT, read(pinned, Root)))
    made = with_snapshot(workshop, documents, root if isinstance(root, Root) else None)
    if pinned is None:
        workshop.anchor.pin(documents[0].content)
    workshop.metadata.publish(made, workshop.actor, workshop.clock.now())
    return roles


def _known(workshop: Workshop) -> Known:
    register = workshop.metadata
    newest = [found for role in register.versions() if (found := register.newest(role))]
    return Known(
        workshop.clock.now(),
        Published(workshop).root,
        {
            each.role: read(each.content, Targets)
            for each in newest
            if each.role not in {ROOT, SNAPSHOT, TIMESTAMP}
        },
        {each.role: each.content for each in register.drafts() if not each.proposal},
    )
