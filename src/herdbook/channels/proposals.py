"""Proposals: a version that is to get to a channel, who approved it, and whether that counts."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from herdbook.channels.model import Made
from herdbook.channels.rules import Approvals
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError


class ProposalState(StrEnum):
    """Where a proposal is."""

    OPEN = "open"
    PROMOTED = "promoted"
    REJECTED = "rejected"


MOVES: Mapping[ProposalState, frozenset[ProposalState]] = {
    ProposalState.OPEN: frozenset({ProposalState.PROMOTED, ProposalState.REJECTED}),
    ProposalState.PROMOTED: frozenset(),
    ProposalState.REJECTED: frozenset(),
}
"""From where one gets to where."""

_CAUSE = re.compile(r"proposal ([0-9]{1,9}), of the sources (sha256:[0-9a-f]{64})")
"""The cause of a version that was rebuilt of a proposal, in its signed provenance."""

GroupsOf = Callable[[str], AbstractSet[str]]
"""The groups that somebody is in."""


@dataclass(frozen=True)
class Proposal:
    """That a channel should get a version; `ended_by` said `said` when it came to its end.

    `sources` names the bundle of what that was made from, where it was sent along, and `rebuilt` is
    the number of the version that was built of it once it was approved: that one is promoted, and
    never what was proposed.
    """

    number: int
    image: str
    channel: str
    version: int
    digest: Digest
    who: str
    at: datetime
    why: str
    state: ProposalState = ProposalState.OPEN
    ended_at: datetime | None = None
    ended_by: str = ""
    said: str = ""
    sources: Digest | None = None
    rebuilt: int = 0

    @property
    def wanted(self) -> Made:
        """The version that the channel is to get, as lineages name it."""
        return self.image, self.rebuilt or self.version

    @property
    def label(self) -> str:
        """How people name the version that the channel is to get."""
        return f"{self.image}:{self.wanted[1]}"

    @property
    def waits_to_be_rebuilt(self) -> bool:
        """Whether what it came with was not built yet."""
        return self.sources is not None and not self.rebuilt

    @property
    def cause(self) -> str:
        """Why a version was made that was rebuilt of it, as its provenance says."""
        return f"proposal {self.number}, of the sources {self.sources}"

    def is_about(self, made: Made) -> bool:
        """Tell whether a version is what was proposed, or was rebuilt of it."""
        return made in ((self.image, self.version), self.wanted)

    def ended(self, state: ProposalState, who: str, at: datetime, said: str = "") -> "Proposal":
        """Return it as somebody ended it; raises ConflictError where it has ended before."""
        if state not in MOVES[self.state]:
            raise ConflictError(
                f"Proposal {self.number} is {self.state}: it cannot be {state}",
                hint="See which are open: herdbook proposal ls",
            )
        return replace(self, state=state, ended_at=at, ended_by=who, said=said)


@dataclass(frozen=True)
class Approval:
    """That somebody approved a proposal, having seen the evidence of this digest."""

    proposal: int
    who: str
    at: datetime
    evidence: Digest
    said: str = ""


@dataclass(frozen=True)
class Comment:
    """What somebody says of a proposal, without any vote."""

    proposal: int
    who: str
    at: datetime
    said: str


@dataclass(frozen=True)
class Ballot:
    """All that decides whether a proposal is approved: terms, approvals, and the present evidence.

    `groups_of` tells who is in which groups now, and `barred` why somebody's role is not enough any
    more: who has left a group, or lost the role, does not count.
    """

    terms: Approvals
    proposal: Proposal
    approvals: Sequence[Approval]
    evidence: Digest
    groups_of: GroupsOf
    barred: Callable[[str], str] = lambda _who: ""

    def void(self, approval: Approval, now: datetime) -> str:
        """Return why an approval does not count (any more); empty where it does."""
        if approval.who == self.proposal.who:
            return "nobody approves what they propose"
        if approval.evidence != self.evidence:
            return "what it rested on has changed"
        if now >= approval.at + self.terms.lasts:
            return f"it is older than {self.terms.valid}"
        return self._no_right(approval.who)

    def counting(self, now: datetime) -> list[Approval]:
        """Return the approvals that count, one of each person."""
        found: dict[str, Approval] = {}
        for each in self.approvals:
            if not self.void(each, now):
                found[each.who] = each
        return list(found.values())

    def missing(self, now: datetime) -> int:
        """Return how many more have to approve."""
        return max(0, self.terms.count - len(self.counting(now)))

    def why_not(self, who: str, now: datetime) -> str:
        """Return why somebody cannot approve; empty where they can."""
        if who == self.proposal.who:
            return "nobody approves what they propose"
        if any(each.who == who for each in self.counting(now)):
            return f"{who} has approved it"
        return self._no_right(who)

    def _no_right(self, who: str) -> str:
        if reason := self.barred(who):
            return reason
        wanted = self.terms.groups
        if wanted and not self.groups_of(who) & set(wanted):
            return f"{who} is not in {' or '.join(wanted)}"
        return ""


@dataclass(frozen=True)
class RebuiltOf:
    """Of which proposal, sent with which sources, a version was rebuilt."""

    proposal: int
    sources: Digest


def rebuilt_of(cause: str) -> RebuiltOf | None:
    """Return of what a version was rebuilt, by the cause in its provenance; None if of nothing."""
    found = _CAUSE.fullmatch(cause)
    return RebuiltOf(int(found[1]), Digest(found[2])) if found else None


def more_have(missing: int) -> str:
    """Say so many more people have to do something, without what."""
    return f"{missing} more {'has' if missing == 1 else 'have'}"


def open_for(proposals: Iterable[Proposal], made: Made, channel: str) -> Proposal | None:
    """Return the open proposal of a version for a channel, the newest if there are several."""
    found = [
        each
        for each in proposals
        if each.state is ProposalState.OPEN and each.channel == channel and each.is_about(made)
    ]
    return max(found, key=lambda each: each.number, default=None)


def proposed_already(known: Proposal) -> ConflictError:
    """Return the error for what is proposed already."""
    return ConflictError(
        f"{known.label} is proposed for {known.channel} already: {known.number}",
        hint=f"See it: herdbook proposal show {known.number}",
    )
