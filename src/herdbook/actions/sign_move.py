"""Writes and signs what so many keys have to sign before a channel gets a version."""

from dataclasses import dataclass

from tuf.api.metadata import Metadata, Targets

from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.name_version import last_given
from herdbook.actions.note import entry
from herdbook.actions.publish_metadata import with_snapshot
from herdbook.actions.read_metadata import Guarded, Published
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.objections import Objection
from herdbook.channels.proposals import Proposal
from herdbook.channels.rules import ChannelRule
from herdbook.core.errors import ConflictError, GateError
from herdbook.metadata import composing
from herdbook.metadata.due import signed_so_far
from herdbook.metadata.model import BY_PEOPLE, Document, Given
from herdbook.metadata.signing import (
    Standing,
    document,
    draft,
    is_as,
    may_sign,
    read,
    sign,
    standing,
)
from herdbook.signatures.keys import PrivateKey

SIGN_MOVE = "sign-move"
"""What the audit says of a signature for what a channel gets: whoever gives it approves that."""

_STALE = "what it is listed with was signed by keys that do not count any more"
_SIGN = "herdbook metadata sign --key FILE"


@dataclass(frozen=True)
class Move:
    """The next version of the list that a guarded channel is in, as far as it is signed.

    It is `stale` where the one before was signed by keys that do not count any more: then nobody
    could tell what else they would sign for.
    """

    guarded: Guarded
    metadata: Metadata[Targets]
    stale: bool = False

    @property
    def standing(self) -> Standing:
        """Who has signed it."""
        return standing(self.guarded.targets, self.guarded.list_role, self.metadata)


def move_of(
    workshop: Workshop, version: Version, channel: str, proposal: Proposal | None
) -> Move | None:
    """Return what is to be signed for a version to get to a channel; None where nobody has to.

    What was signed for a proposal counts only while the list has not moved on since.
    """
    published = Published(workshop)
    guarded = published.guarded(version.image, channel)
    if guarded is None:
        return None
    known = published.newest(guarded.list_role)
    before = read(known.content, Targets) if known else None
    role = guarded.list_role
    stale = before is not None and not standing(guarded.targets, role, before).enough
    newest = last_given(workshop, version.image, channel)
    given = Given(
        version.image,
        channel,
        (newest.number if newest else 0) + 1,
        version.number,
        version.digest,
        len(workshop.versions.document(version.digest).content),
    )
    expires = workshop.clock.now() + BY_PEOPLE
    fresh = composing.moved(before.signed if before else None, given, expires)
    return Move(guarded, _drafted(workshop, guarded, proposal, fresh) or fresh, stale)


def _drafted(
    workshop: Workshop, guarded: Guarded, proposal: Proposal | None, fresh: Metadata[Targets]
) -> Metadata[Targets] | None:
    if proposal is None:
        return None
    for each in workshop.metadata.drafts():
        if (each.role, each.proposal) == (guarded.list_role, proposal.number):
            return signed_so_far(each.content, fresh, workshop.clock.now())
    return None


def sign_move(
    workshop: Workshop,
    version: Version,
    proposal: Proposal,
    key: PrivateKey,
    shown: Move | None = None,
) -> Move:
    """Sign with a key that a channel gets what is proposed; return how it stands then.

    Raises GateError where nobody has to sign for that channel, or that key does not count, and
    ConflictError where that is not what was `shown` any more.
    """
    refuse_forged(workshop, version)
    move = move_of(workshop, version, proposal.channel, proposal)
    place = f"{proposal.image}@{proposal.channel}"
    if move is None:
        raise GateError(f"Nobody has to sign what {place} gets", hint="Approve it without --key.")
    if move.stale:
        raise GateError(f"{place} cannot be signed for: {_STALE}", hint=f"First: {_SIGN}")
    if not may_sign(move.guarded.targets, move.guarded.list_role, key.public.identity):
        raise GateError(
            f"That key does not count for {place}",
            hint="See whose do: herdbook metadata show",
        )
    if shown is not None and not is_as(shown.metadata, move.metadata):
        raise ConflictError(
            f"The list that {place} is in has changed meanwhile",
            hint=f"Look at it again: herdbook proposal show {proposal.number}",
        )
    sign(move.metadata, key)
    written = entry(
        workshop,
        SIGN_MOVE,
        place,
        proposal=proposal.number,
        version=version.number,
        key=key.public.identity,
    )
    kept = draft(move.guarded.list_role, move.metadata, proposal.number)
    workshop.metadata.keep_draft(kept, written, workshop.clock.now())
    return move


def why_unsigned_move(
    move: Move | None, rule: ChannelRule, proposal: Proposal | None, label: str
) -> Objection | None:
    """Return what of signatures speaks against a promotion; None for nothing."""
    if move is None:
        if rule.signers is None:
            return None
        words = "the holders of the root have not signed yet who has to sign for it"
        return Objection("signers", words, f"Have them: {_SIGN}")
    if move.stale:
        return Objection("signers", _STALE, f"Sign it again first: {_SIGN}")
    if move.standing.enough:
        return None
    if proposal is None:
        again = f"First: herdbook propose {label} {rule.channel} --why TEXT"
        return Objection("signers", f"{move.standing.in_words()}: nobody has proposed it", again)
    again = f"Each of them: herdbook approve {proposal.number} --key FILE"
    return Objection("signers", move.standing.in_words(), again)


def to_publish(workshop: Workshop, move: Move | None) -> list[Document]:
    """Return what is published together with a promotion; raises where the server cannot sign."""
    if move is None:
        return []
    return with_snapshot(workshop, [document(move.guarded.list_role, move.metadata)])
