"""Proposes that a channel gets a version; approves, rejects, comments what others have proposed."""

from herdbook.actions.check_genuine import cause_of
from herdbook.actions.check_revoked import refuse_revoked
from herdbook.actions.name_version import last_given, version_meant
from herdbook.actions.note import entry, require_words
from herdbook.actions.read_metadata import why_unsigned
from herdbook.actions.require_role import require_role
from herdbook.actions.send_sources import send_sources
from herdbook.actions.sign_move import Move, sign_move
from herdbook.actions.weigh_proposal import (
    Weighed,
    proposal_numbered,
    proposed_version,
    require_open,
    weigh,
)
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level, check_channel
from herdbook.channels.proposals import (
    Approval,
    Comment,
    Proposal,
    ProposalState,
    open_for,
    proposed_already,
    rebuilt_of,
)
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, GateError
from herdbook.people.acts import Act
from herdbook.signatures.keys import PrivateKey


def propose(workshop: Workshop, name: str, channel: str, why: str) -> Proposal:
    """Propose that a channel of an image gets a version.

    Where the channel gets only what was rebuilt here, what it was made from is sent along.

    Raises ConflictError where that is proposed already or done, RevokedError for one that is bad.
    """
    check_channel(channel)
    require_words(why, "--why")
    version = version_meant(workshop, name)
    require_role(workshop, Act.PROPOSE, version.image)
    made = (version.image, version.number)
    refuse_revoked(workshop, made, Level.RELEASES)
    # Where it has but fallen back to that version, it can be promoted, too: then it is to stay.
    newest = last_given(workshop, version.image, channel)
    # What it got but too few have signed has to be signed, and so be proposed, again.
    same = newest and (newest.version, newest.digest) == (version.number, version.digest)
    if newest and same and not why_unsigned(workshop, newest):
        raise ConflictError(
            f"{version.image}@{channel} is {version.label} already",
            hint=f"See since when: herdbook channel history {version.image}@{channel}",
        )
    if known := open_for(workshop.channels.proposals(version.image), made, channel):
        raise proposed_already(known)
    sources, rebuilt = _sources(workshop, version, channel)
    proposal = Proposal(
        number=0,
        image=version.image,
        channel=channel,
        version=version.number,
        digest=version.digest,
        who=workshop.actor,
        at=workshop.clock.now(),
        why=why,
        sources=sources,
        rebuilt=rebuilt,
    )
    written = entry(
        workshop,
        "propose",
        f"{version.image}@{channel}",
        version=version.number,
        digest=version.digest,
        sources=sources or "",
        why=why,
    )
    return workshop.channels.propose(proposal, written)


def _sources(workshop: Workshop, version: Version, channel: str) -> tuple[Digest | None, int]:
    """Return what a version is sent with, if it has to be, and its number if it was rebuilt."""
    if not workshop.channels.rules().of(version.image, channel).rebuilt:
        return None, 0
    if found := rebuilt_of(cause_of(workshop, version)):
        return found.sources, version.number
    return send_sources(workshop, version), 0


def approve(
    workshop: Workshop,
    number: int,
    said: str = "",
    key: PrivateKey | None = None,
    shown: Move | None = None,
) -> Weighed:
    """Approve a proposal, for what is known of it now, and sign it with a key if it is given.

    Who signs was `shown` what of it. Returns how it stands. Raises GateError where whoever gives
    the command cannot, ConflictError where it is over.
    """
    proposal = proposal_numbered(workshop, number)
    require_role(workshop, Act.APPROVE, proposal.image)
    require_open(proposal)
    weighed = weigh(workshop, proposal)
    if weighed.ballot is None or weighed.evidence is None:
        if key is None:
            raise _nobody_has_to(weighed)
        _sign(workshop, proposal, key, shown)
        return weigh(workshop, proposal)
    now = workshop.clock.now()
    why_not = weighed.ballot.why_not(workshop.actor, now)
    again = any(each.who == workshop.actor for each in weighed.ballot.counting(now))
    if why_not and not (again and key):  # who has approved it may sign it later
        raise GateError(
            f"Proposal {number} cannot be approved: {why_not}",
            hint=f"See who else may: herdbook proposal show {number}",
        )
    if key is not None:
        _sign(workshop, proposal, key, shown)
    if again:
        return weigh(workshop, proposal)
    evidence = weighed.evidence.digest
    written = entry(
        workshop,
        "approve",
        f"{proposal.image}@{proposal.channel}",
        proposal=number,
        version=proposal.wanted[1],
        evidence=evidence,
        said=said,
    )
    workshop.channels.approve(Approval(number, workshop.actor, now, evidence, said), written)
    return weigh(workshop, proposal)


def _nobody_has_to(weighed: Weighed) -> GateError:
    proposal, move = weighed.proposal, weighed.move
    return GateError(
        f"Nobody has to approve what {proposal.image}@{proposal.channel} gets",
        hint=f"People have to sign it: herdbook approve {proposal.number} --key FILE"
        if move and not move.standing.enough
        else f"Promote it: herdbook promote {proposal.label} {proposal.channel}",
    )


def _sign(workshop: Workshop, proposal: Proposal, key: PrivateKey, shown: Move | None) -> None:
    if proposal.who == workshop.actor:
        raise GateError(
            f"Proposal {proposal.number} cannot be signed: nobody approves what they propose",
            hint="Have somebody else sign it.",
        )
    if proposal.waits_to_be_rebuilt:
        raise GateError(
            f"Proposal {proposal.number} cannot be signed yet: it is not rebuilt",
            hint=f"Approve it, then: herdbook proposal rebuild {proposal.number}",
        )
    sign_move(workshop, proposed_version(workshop, proposal), proposal, key, shown)


def comment(workshop: Workshop, number: int, said: str) -> Comment:
    """Say something of a proposal that everybody sees; it is no vote."""
    require_words(said, "A comment")
    proposal = proposal_numbered(workshop, number)
    require_role(workshop, Act.READ, proposal.image)
    made = Comment(number, workshop.actor, workshop.clock.now(), said)
    subject = f"{proposal.image}@{proposal.channel}"
    written = entry(workshop, "comment", subject, proposal=number, said=said)
    workshop.channels.comment(made, written)
    return made


def reject(workshop: Workshop, number: int, why: str) -> Proposal:
    """Reject a proposal, or take back one's own; raises ConflictError where it is over."""
    require_words(why, "--why")
    proposal = proposal_numbered(workshop, number)
    own = proposal.who == workshop.actor
    require_role(workshop, Act.PROPOSE if own else Act.REJECT, proposal.image)
    now = workshop.clock.now()
    ended = proposal.ended(ProposalState.REJECTED, workshop.actor, now, why)
    subject = f"{proposal.image}@{proposal.channel}"
    workshop.channels.end(ended, entry(workshop, "reject", subject, proposal=number, why=why))
    return ended
