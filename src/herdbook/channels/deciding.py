"""Decides whether a channel may get a version, and which channels follow: everything it is told."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from herdbook.channels.evidence import Evidence
from herdbook.channels.gate_objections import gate_objections
from herdbook.channels.model import Assignment, Hold, Made, Revocation
from herdbook.channels.objections import Objection
from herdbook.channels.proposals import Ballot, Proposal, more_have
from herdbook.channels.revoking import in_words
from herdbook.channels.rules import ChannelRule
from herdbook.core.durations import duration_of


@dataclass(frozen=True)
class Facts:
    """What is known of a version that a channel is to get.

    `forged` says what of it is not what its builder signed, if anything; `unsigned` what of the
    signatures is missing that people give for the channel.
    `who` wants that, being in these `groups`. `upstream` are its assignments in the channels that
    it may come from; `revoked` what forbids it. It was `rebuilt` here, of what a proposal was sent
    with. `proposal` is the open one, if it was proposed;
    `evidence` and `ballot` are there where the rule asks for them. It has truly `served` for so
    long.
    """

    made: Made
    upstream: Mapping[str, Sequence[Assignment]]
    hold: Hold | None = None
    revoked: Revocation | None = None
    forged: str = ""
    unsigned: Objection | None = None
    who: str = ""
    groups: AbstractSet[str] = frozenset()
    evidence: Evidence | None = None
    rebuilt: bool = False
    proposal: Proposal | None = None
    ballot: Ballot | None = None
    served: timedelta = timedelta()

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.made[0]}:{self.made[1]}"


def objections(rule: ChannelRule, facts: Facts, now: datetime) -> list[Objection]:
    """Return all that speaks against it: nothing where it may be done."""
    return [
        *_forged(facts),
        *_revoked(facts),
        *_held(facts),
        *_from(rule, facts),
        *_promoters(rule, facts),
        *(gate_objections(rule.gates, facts.evidence, facts.label) if facts.evidence else ()),
        *_approvals(rule, facts, now),
        *_rebuilt(rule, facts),
        *([facts.unsigned] if facts.unsigned else []),
        *_soak(rule, facts),
        *_time(rule, now),
    ]


def _forged(facts: Facts) -> Iterator[Objection]:
    if facts.forged:
        words = f"{facts.label} is not what its builder signed: {facts.forged}"
        yield Objection("signature", words, f"See what is wrong: herdbook verify {facts.label}")


def _revoked(facts: Facts) -> Iterator[Objection]:
    if facts.revoked is not None:
        words = in_words(facts.made, facts.revoked)
        again = f"Promote another version, or: herdbook reinstate {facts.revoked.label}"
        yield Objection("revocation", words, again)


def _held(facts: Facts) -> Iterator[Objection]:
    if (hold := facts.hold) is not None:
        words = f"{hold.channel} is held by {hold.who} since {hold.at:%Y-%m-%d %H:%M}: {hold.why}"
        again = f"Let it go: herdbook release-hold {hold.image}@{hold.channel}"
        yield Objection("hold", words, again)


def _from(rule: ChannelRule, facts: Facts) -> Iterator[Objection]:
    if not rule.from_:
        return
    had = [each for history in facts.upstream.values() for each in history]
    if not any(each.made == facts.made for each in had):
        first = rule.from_[0]
        words = f"{facts.label} has never been in {' or '.join(rule.from_)}"
        yield Objection("from", words, f"First: herdbook promote {facts.label} {first}")


def _promoters(rule: ChannelRule, facts: Facts) -> Iterator[Objection]:
    if rule.promoters and not facts.groups & set(rule.promoters):
        words = f"{facts.who} is not in {' or '.join(rule.promoters)}"
        yield Objection("promoters", words, "Ask one of them.")


def _approvals(rule: ChannelRule, facts: Facts, now: datetime) -> Iterator[Objection]:
    if rule.approvals is None:
        return
    if facts.ballot is None:
        count = rule.approvals.count
        words = (
            f"{count} {'has' if count == 1 else 'have'} to approve it, and nobody has proposed it"
        )
        again = f"First: herdbook propose {facts.label} {rule.channel} --why TEXT"
        yield Objection("approvals", words, again)
    elif missing := facts.ballot.missing(now):
        number = facts.ballot.proposal.number
        words = f"{more_have(missing)} to approve proposal {number}"
        yield Objection("approvals", words, f"See who and why: herdbook proposal show {number}")


def _rebuilt(rule: ChannelRule, facts: Facts) -> Iterator[Objection]:
    proposal = facts.proposal
    if not rule.rebuilt or facts.rebuilt:
        return
    words = f"{facts.label} was not rebuilt here from what it was proposed with"
    if proposal is None:
        again = f"First: herdbook propose {facts.label} {rule.channel} --why TEXT"
    elif proposal.sources is None:
        again = f"Propose it again, after: herdbook reject {proposal.number} --why TEXT"
    elif proposal.rebuilt:
        again = f"That is another version: herdbook promote {proposal.label} {rule.channel}"
    else:
        again = f"Once it is approved: herdbook proposal rebuild {proposal.number}"
    yield Objection("rebuilt", words, again)


def _soak(rule: ChannelRule, facts: Facts) -> Iterator[Objection]:
    if rule.soak and facts.served < duration_of(rule.soak):
        hours = facts.served // timedelta(minutes=6) / 10  # never more than it was
        words = f"{facts.label} has served for {hours:.1f} h, and has to for {rule.soak}"
        yield Objection("soak", words, "Only time counts in which an instance of it serves.")


def _time(rule: ChannelRule, now: datetime) -> Iterator[Objection]:
    if rule.hours and not rule.hours.hold(now):
        yield Objection("hours", f"{rule.channel} is moved on {rule.hours} only", "Try again then.")
    for each in rule.freezes:
        if each.holds(now):
            reason = f": {each.reason}" if each.reason else ""
            words = f"{rule.channel} is frozen until {each.end}{reason}"
            yield Objection("freeze", words, "Try again then.")


def followers(
    rule: ChannelRule,
    made: Made,
    present: Mapping[str, Assignment | None],
    held: Mapping[str, Hold | None],
) -> list[str]:
    """Return the channels that follow back to a version: not those that have it, nor held ones."""
    return [
        name
        for name in dict.fromkeys(rule.follow_back)
        if not held.get(name) and ((had := present.get(name)) is None or had.made != made)
    ]
