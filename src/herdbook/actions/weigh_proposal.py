"""Gathers what a proposal rests on, and who has approved it: the same for whoever asks."""

from dataclasses import dataclass

from herdbook.actions.answer_for import exceptions_for
from herdbook.actions.check_genuine import cause_of
from herdbook.actions.find_licences import find_licences
from herdbook.actions.find_vulnerabilities import find_vulnerabilities
from herdbook.actions.keep_results import results_of
from herdbook.actions.name_version import last_given, present
from herdbook.actions.read_recipe_of import read_recipe_of
from herdbook.actions.require_role import why_barred
from herdbook.actions.sign_move import Move, move_of
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.evidence import Evidence, Known, evidence_of
from herdbook.channels.gates import Subject, tried
from herdbook.channels.proposals import Approval, Ballot, Comment, Proposal, ProposalState
from herdbook.channels.rules import ChannelRule
from herdbook.core.errors import ConflictError, NotFoundError, VerificationError
from herdbook.people.acts import Act


@dataclass(frozen=True)
class Weighed:
    """A proposal with what it would replace, the evidence, and who approved or said what.

    `version` is what the channel would get: rebuilt of what was proposed, once it is. `move` is
    what has to be signed, where the channel has signers. `void` says of approvals that do not count
    why. Of one that has come to its end, only who approved it is told: what it rested on was the
    evidence of then.
    """

    proposal: Proposal
    approvals: tuple[Approval, ...]
    comments: tuple[Comment, ...] = ()
    version: Version | None = None
    before: Version | None = None
    evidence: Evidence | None = None
    ballot: Ballot | None = None
    move: Move | None = None
    void: tuple[tuple[Approval, str], ...] = ()


def proposal_numbered(workshop: Workshop, number: int) -> Proposal:
    """Return a proposal; raises NotFoundError."""
    found = workshop.channels.proposal(number)
    if found is None:
        raise NotFoundError(
            f"There is no proposal {number}", hint="See which there are: herdbook proposal ls"
        )
    return found


def weigh(workshop: Workshop, proposal: Proposal) -> Weighed:
    """Return all that speaks for and against a proposal; raises as `proposed_version`."""
    approvals = tuple(workshop.channels.approvals(proposal.number))
    comments = tuple(workshop.channels.comments(proposal.number))
    if proposal.state is not ProposalState.OPEN:
        return Weighed(proposal, approvals, comments)
    version = proposed_version(workshop, proposal)
    rule = workshop.channels.rules().of(proposal.image, proposal.channel)
    before = version_before(workshop, proposal.image, proposal.channel)
    evidence = gather(workshop, version, before, rule, proposal)
    ballot = ballot_of(workshop, proposal, rule, evidence)
    now = workshop.clock.now()
    reasons = [(each, ballot.void(each, now)) for each in approvals] if ballot else []
    void = tuple((each, reason) for each, reason in reasons if reason)
    move = move_of(workshop, version, proposal.channel, proposal)
    return Weighed(
        proposal, approvals, comments, version, before, evidence, ballot, move=move, void=void
    )


def proposed_version(workshop: Workshop, proposal: Proposal) -> Version:
    """Return the version that a channel is to get: what was proposed, or was rebuilt of it.

    Raises NotFoundError, or VerificationError where it is another one.
    """
    version = workshop.versions.find(*proposal.wanted)
    if version is None:
        raise NotFoundError(f"{proposal.label} was forgotten", hint="Propose another version.")
    if not (_is_rebuilt(workshop, version, proposal) or version.digest == proposal.digest):
        raise VerificationError(
            f"{proposal.label} is not what was proposed", hint="Propose it again."
        )
    return version


def _is_rebuilt(workshop: Workshop, version: Version, proposal: Proposal) -> bool:
    return bool(proposal.rebuilt) and cause_of(workshop, version) == proposal.cause


def version_before(workshop: Workshop, image: str, channel: str) -> Version | None:
    """Return what a channel means now; None where it means nothing."""
    assignment = present(workshop, image, channel)
    return workshop.versions.find(*assignment.made) if assignment else None


def gather(
    workshop: Workshop,
    version: Version,
    before: Version | None,
    rule: ChannelRule,
    proposal: Proposal | None = None,
) -> Evidence:
    """Return what is known of a version now, of what it would replace, and of how it came."""
    report = find_vulnerabilities(workshop, version)
    old = find_vulnerabilities(workshop, before) if before else None
    last = last_given(workshop, version.image, rule.channel)
    now = workshop.clock.now()
    known = Known(
        find_licences(workshop, version) if rule.gates.licences else (),
        tried(
            rule.gates,
            subject_of(workshop, version, rule.channel),
            results_of(workshop, version, proposal.version if proposal else 0),
            now,
        ),
        exceptions_for(workshop, version.image, now),
        last.number if last else 0,
        (proposal.sources if proposal else None) or "",
        proposal.digest if proposal and proposal.digest != version.digest else "",
    )
    digest = before.digest if before else None
    return evidence_of(version.digest, digest, rule, report, old, known)


def subject_of(workshop: Workshop, version: Version, channel: str) -> Subject:
    """Return what of a version decides which things are to be found out of it."""
    recipe = read_recipe_of(workshop, version)
    kinds = [each.kind for each in version.variants]
    return Subject(kinds, recipe.tests if recipe else None, channel)


def ballot_of(
    workshop: Workshop, proposal: Proposal, rule: ChannelRule, evidence: Evidence
) -> Ballot | None:
    """Return who has approved a proposal, on which terms; None where nobody has to."""
    if rule.approvals is None:
        return None
    approvals = workshop.channels.approvals(proposal.number)

    def barred(who: str) -> str:
        reason = why_barred(workshop, Act.APPROVE, who, proposal.image)
        return f"{who} may not approve: {reason}" if reason else ""

    return Ballot(rule.approvals, proposal, approvals, evidence.digest, workshop.groups_of, barred)


def require_open(proposal: Proposal) -> None:
    """Raise ConflictError where a proposal has come to its end."""
    if proposal.state is not ProposalState.OPEN:
        raise ConflictError(
            f"Proposal {proposal.number} is {proposal.state}: nobody can approve it any more",
            hint="See which are open: herdbook proposal ls",
        )
