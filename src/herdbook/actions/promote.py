"""Gives a channel a version, where nothing speaks against it, and those that follow it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from herdbook.actions.check_channel import why_misjudged, why_misplaced
from herdbook.actions.check_genuine import cause_of, why_forged
from herdbook.actions.check_revoked import revocation_of
from herdbook.actions.name_version import present, version_meant
from herdbook.actions.note import entry
from herdbook.actions.read_metadata import Published
from herdbook.actions.require_role import asker_of, require_role
from herdbook.actions.sign_move import move_of, to_publish, why_unsigned_move
from herdbook.actions.weigh_proposal import ballot_of, gather
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.deciding import Facts, followers, objections
from herdbook.channels.model import Assignment, Hold, Level, Way, check_channel
from herdbook.channels.objections import Objection
from herdbook.channels.proposals import Proposal, ProposalState, open_for, rebuilt_of
from herdbook.channels.rules import ChannelRule
from herdbook.channels.signing import PROMOTE
from herdbook.core.errors import GateError
from herdbook.metadata.model import Document
from herdbook.people.acts import Act


@dataclass(frozen=True)
class Promotion:
    """What came of it: what the channel means now and meant before, and who followed back.

    `changed` is whether anything was to be done; `stayed` are channels that would have followed,
    but are held.
    """

    assignment: Assignment
    before: Assignment | None
    changed: bool = True
    followed: tuple[Assignment, ...] = ()
    stayed: tuple[Hold, ...] = ()


def promote(workshop: Workshop, name: str, channel: str, why: str = "") -> Promotion:
    """Have a channel of an image mean a version from now on.

    Raises GateError with all that speaks against it, ConflictError where somebody else moved the
    channel at the same time: then exactly one of both has done it.
    """
    check_channel(channel)
    version = version_meant(workshop, name)
    require_role(workshop, Act.PROMOTE, version.image)
    rule = workshop.channels.rules().of(version.image, channel)
    # Read first, so that a channel that is moved while we decide is seen when this one is kept.
    newest = {each.channel: each for each in workshop.channels.every(version.image)}
    numbers = {name: each.number for name, each in newest.items()}
    before = present(workshop, version.image, channel)
    # Where it has but fallen back to that version, a person who wants it means it to stay.
    last = newest.get(channel)
    same = last is not None and (last.version, last.digest) == (version.number, version.digest)
    # Else it is revoked, which speaks against it, or nobody's word is on it, and it gets that.
    if last is not None and same and last == before and not why_misplaced(workshop, last):
        return Promotion(last, before, changed=False)
    proposal = open_for(
        workshop.channels.proposals(version.image), (version.image, version.number), channel
    )
    move = move_of(workshop, version, channel, proposal)
    unsigned = why_unsigned_move(move, rule, proposal, version.label)
    facts = replace(_facts(workshop, version, rule, before, proposal), unsigned=unsigned)
    if against := objections(rule, facts, workshop.clock.now()):
        raise _refused(version, channel, against)
    documents = to_publish(workshop, move)
    return _assign(workshop, _Wish(version, rule, numbers, before, why, proposal, documents))


def _facts(
    workshop: Workshop,
    version: Version,
    rule: ChannelRule,
    before: Assignment | None,
    proposal: Proposal | None,
) -> Facts:
    """Return all that a promotion to a rule's channel is decided by."""
    image, made = version.image, (version.image, version.number)
    holds = {each.channel: each for each in workshop.channels.holds(image)}
    evidence, ballot, twin = None, None, _twin_of(version, proposal)
    if rule.asks_for_evidence:
        old = workshop.versions.find(*before.made) if before else None
        evidence = gather(workshop, version, old, rule, proposal)
        ballot = ballot_of(workshop, proposal, rule, evidence) if proposal else None
    return Facts(
        made,
        who=workshop.actor,
        groups=frozenset(asker_of(workshop).groups()),
        upstream={name: _had(workshop, version, name, twin) for name in rule.from_},
        evidence=evidence,
        rebuilt=rule.rebuilt and _is_rebuilt(workshop, version),
        proposal=proposal,
        ballot=ballot,
        hold=holds.get(rule.channel),
        revoked=revocation_of(workshop, made, Level.RELEASES),
        forged=why_forged(workshop, version) or why_misjudged(workshop, made),
        served=workshop.channels.served(made)
        + (workshop.channels.served((image, twin)) if twin else timedelta()),
    )


def _twin_of(version: Version, proposal: Proposal | None) -> int:
    """Return the number of the version that was proposed, where this is the same, rebuilt; else 0.

    Where that has been, and for how long it has served, is then so of this one.
    """
    if proposal is None or proposal.rebuilt != version.number:
        return 0
    same = proposal.version != version.number and proposal.digest == version.digest
    return proposal.version if same else 0


def _had(workshop: Workshop, version: Version, channel: str, twin: int) -> list[Assignment]:
    """Return the assignments of a channel to a version, or to its twin."""
    history = workshop.channels.history
    own = history(version.image, channel, version=version.number)
    of_twin = history(version.image, channel, version=twin) if twin else []
    same = [each for each in of_twin if each.digest == version.digest]
    return [*own, *(replace(each, version=version.number) for each in same)]


def _is_rebuilt(workshop: Workshop, version: Version) -> bool:
    """Tell whether it was rebuilt here of what a proposal was sent with that nobody rejected."""
    found = rebuilt_of(cause_of(workshop, version))
    proposal = workshop.channels.proposal(found.proposal) if found else None
    return proposal is not None and proposal.state is not ProposalState.REJECTED


def _refused(version: Version, channel: str, against: Sequence[Objection]) -> GateError:
    first, *others = against
    what = f"{version.label} cannot get to {channel}"
    if not others:
        return GateError(f"{what}: {first.words}", hint=first.remedy)
    lines = "".join(f"\n  {each.gate}: {each.words}\n    {each.remedy}" for each in against)
    return GateError(f"{what}:{lines}", hint="All of that has to be done.")


@dataclass(frozen=True)
class _Wish:
    """A promotion that nothing speaks against; `numbers` are those of channels' newest assignments.

    `proposal` is the one that comes to its end with it, `documents` what is published with it.
    """

    version: Version
    rule: ChannelRule
    numbers: Mapping[str, int]
    before: Assignment | None
    why: str
    proposal: Proposal | None
    documents: Sequence[Document]


def _assign(workshop: Workshop, wish: _Wish) -> Promotion:
    version, rule, before, proposal = wish.version, wish.rule, wish.before, wish.proposal
    image, channel, made = version.image, rule.channel, (version.image, version.number)
    holds = {each.channel: each for each in workshop.channels.holds(image)}
    there = {name: present(workshop, image, name) for name in rule.follow_back}
    published = Published(workshop)
    # Who has to sign for a channel has not: it follows nobody, whatever the rules say by now.
    wanted = followers(rule, made, there, holds)
    follow = [name for name in wanted if published.guarded(image, name) is None]
    assignments = [
        _next(workshop, wish, channel, wish.why, Way.PROMOTED),
        *(_next(workshop, wish, name, f"follows {channel}", Way.FOLLOWED) for name in follow),
    ]
    written = entry(
        workshop,
        PROMOTE,
        f"{image}@{channel}",
        version=version.number,
        digest=version.digest,
        before=before.version if before else 0,
        why=wish.why,
        followed=[*follow],
        proposal=proposal.number if proposal else 0,
    )
    workshop.channels.assign(assignments, written, _over(workshop, wish, follow), wish.documents)
    stayed = (holds[name] for name in rule.follow_back if name in holds)
    return Promotion(assignments[0], before, followed=tuple(assignments[1:]), stayed=tuple(stayed))


def _over(workshop: Workshop, wish: _Wish, followed: Sequence[str]) -> list[Proposal]:
    """Return the proposals that come to their end: also those for channels that follow back."""
    version, now = wish.version, workshop.clock.now()
    every = workshop.channels.proposals(version.image)
    others = (open_for(every, (version.image, version.number), name) for name in followed)
    done = [each for each in (wish.proposal, *others) if each is not None]
    return [each.ended(ProposalState.PROMOTED, workshop.actor, now) for each in done]


def _next(workshop: Workshop, wish: _Wish, channel: str, why: str, way: Way) -> Assignment:
    version = wish.version
    return Assignment(
        image=version.image,
        channel=channel,
        number=wish.numbers.get(channel, 0) + 1,
        version=version.number,
        digest=version.digest,
        at=workshop.clock.now(),
        who=workshop.actor,
        why=why,
        way=way,
    )
