"""Decides whether a channel may get a version, and which channels follow: everything it is told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from herdbook.channels.model import Assignment, Hold, Made, Revocation
from herdbook.channels.revoking import in_words
from herdbook.channels.rules import ChannelRule


@dataclass(frozen=True)
class Objection:
    """What speaks against a promotion, and what would help."""

    gate: str
    words: str
    remedy: str


@dataclass(frozen=True)
class Facts:
    """What is known of a version that a channel is to get.

    `upstream` is what the channels that it may come from have had; `revoked` what forbids it.
    """

    made: Made
    upstream: Mapping[str, Sequence[Assignment]]
    hold: Hold | None = None
    revoked: Revocation | None = None

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.made[0]}:{self.made[1]}"


def objections(rule: ChannelRule, facts: Facts, now: datetime) -> list[Objection]:
    """Return all that speaks against it: nothing where it may be done."""
    return [
        *_revoked(facts),
        *_held(facts),
        *_from(rule, facts),
        *_time(rule, now),
    ]


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
