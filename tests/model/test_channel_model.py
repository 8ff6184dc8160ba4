"""Whatever is done in whatever order: channels mean nothing revoked, nor what too few approved.

And the audit tells it all.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from channel_images import add_version
from fleet_workshop import fleet_workshop
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from herdbook.actions.hold_channel import hold, release_hold
from herdbook.actions.list_channels import list_channels
from herdbook.actions.name_version import present, version_meant
from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, propose, reject
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.verify_audit import verify_audit
from herdbook.actions.weigh_proposal import weigh
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry, Head
from herdbook.channels.model import Assignment, Level, Made
from herdbook.channels.proposals import ProposalState
from herdbook.channels.rules import ChannelRule, ChannelRules
from herdbook.core.errors import (
    ConflictError,
    GateError,
    HerdbookError,
    NotFoundError,
    RevokedError,
)

PARENTS: dict[Made, Made | None] = {
    ("base", 1): None,
    ("base", 2): None,
    ("web", 1): ("base", 1),
    ("web", 2): ("base", 1),
    ("web", 3): ("base", 2),
    ("web", 4): None,
}
CHANNELS = ("dev", "production", "staging")
PLACES = [(image, channel) for image in ("base", "web") for channel in CHANNELS]
RULES = [
    [],
    [{"channel": "production", "images": "web", "from": ["staging"], "follow_back": ["dev"]}],
    [
        {"channel": "production", "hours": {"end": "12:00"}, "follow_back": ["staging", "dev"]},
        {"channel": "staging", "from": "dev", "follow_back": ["dev"]},
    ],
    [
        {"channel": "production", "approvals": {"count": 2, "valid": "20h"}},
        {
            "channel": "staging",
            "approvals": {"groups": ["keepers"], "valid": "30h"},
            "follow_back": ["dev"],
        },
    ],
    [
        {"channel": "production", "approvals": {"count": 1, "groups": ["keepers"]}},
        {"channel": "staging", "approvals": {"count": 2, "groups": "keepers", "valid": "90m"}},
    ],
]
LASTING = {
    "7d": timedelta(7),
    "20h": timedelta(hours=20),
    "30h": timedelta(hours=30),
    "90m": timedelta(minutes=90),
}
PEOPLE = ("ann", "bert", "carla", "dora")
made = some.sampled_from(sorted(PARENTS))
channels = some.sampled_from(CHANNELS)
places = some.sampled_from(PLACES)
people = some.sampled_from(PEOPLE)
delays = some.dictionaries(some.sampled_from(list(Level)), some.integers(0, 3), min_size=1)

Bad = Mapping[Made, tuple[datetime | None, bool]]
"""What is revoked: from when on for releases, if for them at all, and whether it is inherited."""

Basis = tuple[int | None, ChannelRule]
"""What an approval of a version rests on: the one that it would replace, and the rule."""


@dataclass
class Proposed:
    """What the model knows of a proposal; an approval is by whom, when, and on what it rests."""

    version: Made
    channel: str
    who: str
    state: ProposalState = ProposalState.OPEN
    ended_by: str = ""
    approvals: list[tuple[str, datetime, Basis]] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str]:
        return self.version[0], self.channel


class ChannelMachine(RuleBasedStateMachine):
    """The real actions on a real register, beside plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.keepers = {"ann", "bert", "carla"}
        self.proposed: list[Proposed] = []
        self.workshop = replace(
            fleet_workshop(self.folder / "state"),
            actor="ann",
            groups_of=lambda who: {"keepers"} if who in self.keepers else set(),
        )
        for (image, number), parent in PARENTS.items():
            added = add_version(self.workshop, image, parent)
            assert added.number == number
        self.histories: dict[tuple[str, str], list[int]] = {place: [] for place in PLACES}
        self.seen: dict[tuple[str, str], list[Assignment]] = {place: [] for place in PLACES}
        self.held: set[tuple[str, str]] = set()
        self.bad: dict[Made, tuple[datetime | None, bool]] = {}
        self.in_force = ChannelRules()
        self.records = 0
        self.head = Head()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def now(self) -> datetime:
        return self.workshop.clock.now()

    def forbidden(self, version: Made, bad: Bad, now: datetime) -> bool:
        each: Made | None = version
        while each is not None:
            since, inherited = bad.get(each, (None, False))
            if since is not None and since <= now and (inherited or each == version):
                return True
            each = PARENTS[each]
        return False

    def meaning(
        self, image: str, channel: str, bad: Bad | None = None, now: datetime | None = None
    ) -> int | None:
        known, moment = self.bad if bad is None else bad, now or self.now
        for version in self.histories[image, channel][::-1]:
            if not self.forbidden((image, version), known, moment):
                return version
        return None

    @initialize(given=some.sampled_from(RULES))
    def set_rules(self, given: list[dict[str, object]]) -> None:
        self.in_force = ChannelRules.model_validate({"channels": given})
        entry = Entry(who="ann", verb="set-rules", subject="channels")
        self.workshop.channels.set_rules(self.in_force, entry, self.now)
        self.records += 1

    @rule(given=some.sampled_from(RULES[2:]))
    def set_other_rules(self, given: list[dict[str, object]]) -> None:
        self.set_rules(given)

    @rule(who=people)
    def join_or_leave_the_keepers(self, who: str) -> None:
        self.keepers ^= {who}

    @rule(hours=some.integers(1, 30))
    def pass_time(self, hours: int) -> None:
        self.workshop.clock.sleep(hours * 3600)

    def _against(self, version: Made, channel: str, found: ChannelRule) -> Iterator[str]:
        image, number = version
        if self.forbidden(version, self.bad, self.now):
            yield "revoked"
        if (image, channel) in self.held:
            yield "is held"
        if found.from_ and not any(number in self.histories[image, each] for each in found.from_):
            yield "has never been in"
        if found.hours and self.now.hour >= 12:
            yield "is moved on"
        proposal = self._open(version, channel)
        if found.approvals and proposal is None:
            yield "to approve it, and nobody has proposed it"
        elif found.approvals and proposal and (missing := self._missing(proposal)):
            yield f"{missing} more ha"
            yield f"approve proposal {self.proposed.index(proposal) + 1}"

    def _open(self, version: Made, channel: str) -> Proposed | None:
        asked = (version, channel, ProposalState.OPEN)
        found = [
            each for each in self.proposed if (each.version, each.channel, each.state) == asked
        ]
        assert len(found) < 2
        return found[0] if found else None

    def _basis(self, proposal: Proposed) -> Basis:
        return self.meaning(*proposal.place), self.in_force.of(*proposal.place)

    def _counting(self, proposal: Proposed) -> set[str]:
        """Those whose approval counts now; whoever proposed it is never one of them."""
        terms = self.in_force.of(*proposal.place).approvals
        return {
            who
            for who, at, basis in proposal.approvals
            if terms
            and who != proposal.who
            and basis == self._basis(proposal)
            and self.now < at + LASTING[terms.valid]
            and (not terms.groups or who in self.keepers)
        }

    def _missing(self, proposal: Proposed) -> int:
        terms = self.in_force.of(*proposal.place).approvals
        return max(0, terms.count - len(self._counting(proposal))) if terms else 0

    def _as(self, who: str) -> Workshop:
        return replace(self.workshop, actor=who)

    @rule(who=people, version=made, channel=channels)
    def propose(self, who: str, version: Made, channel: str) -> None:
        image, number = version
        history, name = self.histories[image, channel], f"{image}:{number}"
        refused: type[HerdbookError] | None = None
        if self.forbidden(version, self.bad, self.now):
            refused = RevokedError
        elif history and self.meaning(image, channel) == number == history[-1]:
            refused = ConflictError  # what it means already; not where it has but fallen back
        elif self._open(version, channel):
            refused = ConflictError
        if refused:
            with pytest.raises(refused):
                propose(self._as(who), name, channel, "why not")
            return
        given = propose(self._as(who), name, channel, "why not")
        self.proposed.append(Proposed(version, channel, who))
        assert given.number == len(self.proposed)
        self.records += 1

    @rule(who=people, which=some.integers(0))
    def approve(self, who: str, which: int) -> None:
        if self.proposed:
            self._approve(who, which % len(self.proposed))

    def _approve(self, who: str, which: int) -> None:
        proposal = self.proposed[which]
        terms = self.in_force.of(*proposal.place).approvals
        right = terms and (not terms.groups or who in self.keepers)
        if proposal.state is not ProposalState.OPEN:
            with pytest.raises(ConflictError):
                approve(self._as(who), which + 1)
        elif not right or who == proposal.who or who in self._counting(proposal):
            with pytest.raises(GateError):
                approve(self._as(who), which + 1)
        else:
            weighed = approve(self._as(who), which + 1)
            proposal.approvals.append((who, self.now, self._basis(proposal)))
            assert weighed.ballot
            assert weighed.ballot.missing(self.now) == self._missing(proposal)
            self.records += 1

    @rule(who=people, which=some.integers(0))
    def reject(self, who: str, which: int) -> None:
        if not self.proposed:
            return
        number = which % len(self.proposed) + 1
        proposal = self.proposed[number - 1]
        if proposal.state is not ProposalState.OPEN:
            with pytest.raises(ConflictError):
                reject(self._as(who), number, "no")
            return
        reject(self._as(who), number, "no")
        proposal.state, proposal.ended_by = ProposalState.REJECTED, who
        self.records += 1

    @rule(
        version=made,
        channel=some.sampled_from(("production", "staging")),
        asked=some.permutations(PEOPLE),
        most=some.integers(1, 3),
        events=some.permutations(("another version", "time", "groups")),
        given=some.sampled_from(RULES[2:]),
    )
    def propose_and_ask_and_promote(
        self,
        version: Made,
        channel: str,
        asked: list[str],
        most: int,
        events: list[str],
        given: list[dict[str, object]],
    ) -> None:
        """As people do it; and something happens whenever they have approved."""
        self.set_rules(given)
        self.propose(asked[0], version, channel)
        proposal = self._open(version, channel)
        for event in (*events, "nothing") if proposal else ():
            assert proposal
            for who in asked[: most + 1]:
                self._approve(who, self.proposed.index(proposal))
            self._let_happen(event, version, channel, {*asked[1:3]})
            self._promote(f"{version[0]}:{version[1]}", version, channel)

    def _let_happen(self, event: str, version: Made, channel: str, who: set[str]) -> None:
        image, number = version
        if event == "another version":
            kept, other = self.in_force, 1 + number % 2
            self.set_rules([])
            self._promote(f"{image}:{other}", (image, other), channel)
            self.set_rules(kept.model_dump(mode="json", by_alias=True)["channels"])
        elif event == "time":
            self.workshop.clock.sleep(24 * 3600)
        elif event == "groups":
            self.keepers ^= who

    @rule(version=made, channel=channels)
    def promote(self, version: Made, channel: str) -> None:
        self._promote(f"{version[0]}:{version[1]}", version, channel)

    @rule(place=places, channel=channels)
    def promote_what_another_channel_means(self, place: tuple[str, str], channel: str) -> None:
        number, name = self.meaning(*place), "@".join(place)
        if number is None:
            with pytest.raises((NotFoundError, RevokedError)):
                promote(self.workshop, name, channel)
            return
        self._promote(name, (place[0], number), channel)

    def _promote(self, name: str, version: Made, channel: str) -> None:
        image, number = version
        before = self.meaning(image, channel)
        if before == number == self.histories[image, channel][-1]:
            assert not promote(self.workshop, name, channel).changed
            return
        found = self.in_force.of(image, channel)
        against = list(self._against(version, channel, found))
        if against:
            with pytest.raises(GateError) as caught:
                promote(self.workshop, name, channel)
            assert all(each in caught.value.message for each in against)
            return
        following = [
            each
            for each in found.follow_back
            if (image, each) not in self.held and self.meaning(image, each) != number
        ]
        proposal = self._open(version, channel)
        promotion = promote(self.workshop, name, channel)
        assert promotion.changed
        if proposal:
            proposal.state, proposal.ended_by = ProposalState.PROMOTED, self.workshop.actor
        assert (promotion.before.version if promotion.before else None) == before
        assert [each.channel for each in promotion.followed] == following
        for each in (channel, *following):
            self.histories[image, each].append(number)
        self.records += 1 + len(following)

    @rule(place=places)
    def hold(self, place: tuple[str, str]) -> None:
        if self.meaning(*place) is None:
            with pytest.raises((NotFoundError, RevokedError)):
                hold(self.workshop, "@".join(place), "why not")
            return
        hold(self.workshop, "@".join(place), "why not")
        self.held.add(place)
        self.records += 1
        self._try_all(place)

    @rule(place=places)
    def release(self, place: tuple[str, str]) -> None:
        if place not in self.held:
            with pytest.raises(NotFoundError):
                release_hold(self.workshop, "@".join(place))
            return
        release_hold(self.workshop, "@".join(place))
        self.held.remove(place)
        self.records += 1

    @rule(version=made, delays=delays, channel=channels, inherited=some.booleans())
    def revoke_and_try(
        self, version: Made, delays: dict[Level, int], channel: str, *, inherited: bool
    ) -> None:
        self._revoke(version, delays, inherited=inherited)
        self._try_all((version[0], channel))

    def _revoke(self, version: Made, delays: dict[Level, int], *, inherited: bool) -> None:
        since = {level: self.now + timedelta(hours=hours) for level, hours in delays.items()}
        name = f"{version[0]}:{version[1]}"
        reach = plan_revocation(self.workshop, name, "bad", since, inherited=inherited)
        children = {each for each, parent in PARENTS.items() if parent == version and inherited}
        assert set(reach.reached) == {version, *children}
        # What is revoked already stays so: of two dates, the earlier one holds.
        dates = (since.get(Level.RELEASES), self.bad.get(version, (None, False))[0])
        first = min(filter(None, dates), default=None)
        after = {**self.bad, version: (first, inherited)}
        told = {
            (each.before.image, each.before.channel): each.after.version if each.after else None
            for each in reach.falls
        }
        images = {image for image, _ in reach.reached}
        assert told == self._falls(images, after, first and max(first, self.now))
        revoke(self.workshop, reach)
        self.bad = after
        self.records += 1

    def _try_all(self, place: tuple[str, str]) -> None:
        """Whatever is promoted there now, is where it may be, and nowhere else."""
        for image, number in PARENTS:
            if image == place[0]:
                self._promote(f"{image}:{number}", (image, number), place[1])

    def _falls(
        self, images: set[str], after: Bad, now: datetime | None
    ) -> dict[tuple[str, str], int | None]:
        found: dict[tuple[str, str], int | None] = {}
        for place in PLACES if now else ():
            had, gets = self.meaning(*place, now=now), self.meaning(*place, after, now)
            if place[0] in images and had not in (None, gets):
                found[place] = gets
        return found

    @rule(version=made)
    def reinstate(self, version: Made) -> None:
        name = f"{version[0]}:{version[1]}"
        if version not in self.bad:
            with pytest.raises(NotFoundError):
                reinstate(self.workshop, name)
            return
        assert reinstate(self.workshop, name) == name
        del self.bad[version]
        self.records += 1

    @rule(version=made)
    def revoke_and_reinstate(self, version: Made) -> None:
        """Where nothing else happened in between, all channels mean what they meant before."""
        if version in self.bad:
            return
        before = {place: self._present(*place) for place in PLACES}
        self._revoke(version, {Level.RELEASES: 0}, inherited=True)
        self.channels_mean_nothing_that_is_revoked()
        self.reinstate(version)
        assert {place: self._present(*place) for place in PLACES} == before

    def _present(self, image: str, channel: str) -> int | None:
        found = present(self.workshop, image, channel)
        return found.version if found else None

    @invariant()
    def channels_mean_nothing_that_is_revoked(self) -> None:
        for image, channel in PLACES:
            number = self._present(image, channel)
            assert number == self.meaning(image, channel)
            if number is not None:
                assert not self.forbidden((image, number), self.bad, self.now)
                assert version_meant(self.workshop, f"{image}@{channel}").number == number
            else:
                with pytest.raises(HerdbookError):
                    version_meant(self.workshop, f"{image}@{channel}")

    @invariant()
    def listed_channels_mean_what_they_mean_when_asked(self) -> None:
        for each in list_channels(self.workshop):
            number = each.now.version if each.now else None
            place = (each.newest.image, each.newest.channel)
            assert number == self.meaning(*place)
            assert bool(each.revoked) is (number != self.histories[place][-1])
            assert (each.hold is not None) is (place in self.held)

    @invariant()
    def histories_only_grow_and_what_is_held_has_not_moved(self) -> None:
        for place, known in self.histories.items():
            history = self.workshop.channels.history(*place)[::-1]
            assert [each.version for each in history] == known
            assert [each.number for each in history] == list(range(1, len(known) + 1))
            seen = self.seen[place]
            assert history[: len(seen)] == seen
            self.seen[place] = history

    @invariant()
    def proposals_are_as_they_were_left_and_their_approvals_count_as_long_as_they_may(self) -> None:
        found = self.workshop.channels.proposals(every=True)[::-1]
        assert [
            (each.number, each.wanted, each.channel, each.who, each.state, each.ended_by)
            for each in found
        ] == [
            (number, each.version, each.channel, each.who, each.state, each.ended_by)
            for number, each in enumerate(self.proposed, 1)
        ]
        for proposal, known in zip(found, self.proposed, strict=True):
            given = self.workshop.channels.approvals(proposal.number)
            assert [(each.who, each.at) for each in given] == [each[:2] for each in known.approvals]
            weighed = weigh(self.workshop, proposal)
            if ballot := weighed.ballot:
                counting = {each.who for each in ballot.counting(self.now)}
                assert counting == self._counting(known)
                valid = [each for each in given if each not in dict(weighed.void)]
                assert {each.who for each in valid} == counting

    @invariant()
    def the_audit_has_one_record_for_each_change_and_goes_on_from_before(self) -> None:
        self.head = verify_audit(self.workshop, self.head)
        assert self.head.number == self.records == len(list(self.workshop.audit.records()))


TestChannels = ChannelMachine.TestCase
TestChannels.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)
