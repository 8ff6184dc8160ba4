"""The promises of the port Proposals, and of assignments that end one, on every database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from channel_images import add_version, add_versions, in_database
from fleet_workshop import fleet_workshop
from older_schemas import at_revision
from sqlalchemy import Engine, MetaData, insert, text, update
from versions import digest

from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, propose, reject
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry, verify
from herdbook.channels.model import Assignment, Hold
from herdbook.channels.ports import ChannelRegister
from herdbook.channels.proposals import Approval, Comment, Proposal, ProposalState
from herdbook.channels.rules import Approvals, ChannelRule, ChannelRules
from herdbook.core.errors import ConflictError, GateError, VerificationError
from herdbook.drivers.fake import FakeClock
from herdbook.store import channel_schema, schema
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.database import open_database

NOW = datetime(2026, 11, 1, 12, 0, 0, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
WEB = "shop/web"
ENTRY = Entry(who="ann", verb="try", subject="something", details={"why": "because"})
PROPOSAL = Proposal(0, WEB, "production", 3, digest("3"), "ann", NOW, "Ö")
OTHER = replace(PROPOSAL, version=4, digest=digest("4"))
ANOTHER = replace(PROPOSAL, version=5, digest=digest("5"))
HOLD = Hold(WEB, "production", NOW, "ann", "we look into it")
APPROVED_BY_ONE = ChannelRules(
    channels=(ChannelRule(channel="production", approvals=Approvals(count=1)),)
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "audit.key"


@pytest.fixture
def audit(engine: Engine, key_file: Path) -> SqlAudit:
    return SqlAudit(engine, key_file)


@pytest.fixture
def channels(engine: Engine, audit: SqlAudit) -> ChannelRegister:
    return SqlChannels(engine, audit)


@pytest.fixture
def kept(channels: ChannelRegister) -> Proposal:
    """The first one, and nothing else, with one record in the audit."""
    return channels.propose(PROPOSAL, ENTRY)


def rejected(proposal: Proposal) -> Proposal:
    return replace(
        proposal, state=ProposalState.REJECTED, ended_at=LATER, ended_by="bert", said="too big: Ö"
    )


def promoted(proposal: Proposal) -> Proposal:
    return replace(proposal, state=ProposalState.PROMOTED, ended_at=LATER, ended_by="carla")


def approval(proposal: Proposal, who: str = "bert", said: str = "") -> Approval:
    return Approval(proposal.number, who, LATER, digest(f"seen by {who}"), said)


def comment(proposal: Proposal, who: str = "bert", said: str = "why so large? Ö") -> Comment:
    return Comment(proposal.number, who, LATER, said)


def assignment(number: int = 1, channel: str = "production") -> Assignment:
    at = LATER + timedelta(minutes=number)
    return Assignment(WEB, channel, number, 3, digest("3"), at, "carla", "Ö")


def test_nothing_is_there_at_first(channels: ChannelRegister) -> None:
    assert channels.proposals() == channels.proposals(WEB, every=True) == []
    assert channels.proposal(1) is None
    assert channels.approvals(1) == []


@pytest.mark.parametrize("number", [0, -1, 2, 2**31, 2**63, 10**30])
def test_a_number_that_was_never_given_names_nothing(
    channels: ChannelRegister, kept: Proposal, number: int
) -> None:
    """However large: people may type anything."""
    channels.approve(approval(kept), ENTRY)
    assert channels.proposal(number) is None
    assert channels.approvals(number) == []


def test_a_proposal_is_found_as_it_was_kept(channels: ChannelRegister, kept: Proposal) -> None:
    assert kept == replace(PROPOSAL, number=1)
    assert channels.proposal(1) == kept
    assert channels.proposals() == channels.proposals(WEB) == [kept]


def test_numbers_are_given_once_over_all_images_whatever_number_it_came_with(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    first = channels.propose(replace(PROPOSAL, number=7), ENTRY)
    second = channels.propose(replace(PROPOSAL, image="art"), ENTRY)
    channels.end(rejected(second), ENTRY)
    third = channels.propose(replace(OTHER, number=2), ENTRY)
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert channels.proposal(2) == rejected(second)
    numbers = [each.details.get("proposal") for each in audit.records()]
    assert numbers == [1, 2, None, 3], "the audit says which number was given"


def test_proposals_are_listed_by_image_and_state_the_newest_first(
    channels: ChannelRegister,
) -> None:
    images = (WEB, "shop/web2", WEB, "art", WEB)
    first, other, second, art, third = (
        channels.propose(replace(PROPOSAL, image=image, version=number), ENTRY)
        for number, image in enumerate(images, 3)
    )
    channels.end(rejected(second), ENTRY)
    channels.assign([assignment()], ENTRY, [promoted(first)])
    assert channels.proposals() == [third, art, other]
    assert channels.proposals(WEB) == [third]
    assert channels.proposals(WEB, every=True) == [third, rejected(second), promoted(first)]
    every = [third, art, rejected(second), other, promoted(first)]
    assert channels.proposals(every=True) == every
    assert channels.proposals("shop", every=True) == channels.proposals("ART") == []


@pytest.mark.parametrize("end", [rejected, promoted])
def test_a_proposal_ends_once_and_is_kept_as_it_ended(
    channels: ChannelRegister,
    audit: SqlAudit,
    kept: Proposal,
    end: Callable[[Proposal], Proposal],
) -> None:
    channels.end(end(kept), ENTRY)
    assert channels.proposal(1) == end(kept)
    for again in (rejected(kept), promoted(kept)):
        with pytest.raises(ConflictError) as caught:
            channels.end(replace(again, ended_by="dora"), ENTRY)
        assert "Proposal 1 " in caught.value.message
        with pytest.raises(ConflictError):
            channels.assign([assignment()], ENTRY, [replace(again, ended_by="dora")])
    assert channels.proposal(1) == end(kept)
    assert channels.every() == []
    assert audit.head().number == 2


def test_what_it_was_sent_with_and_what_was_rebuilt_of_it_is_kept(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    """It is rebuilt once, while it is open; then both versions are what it is about."""
    kept = channels.propose(replace(PROPOSAL, sources=digest("sources")), ENTRY)
    assert channels.proposal(1) == kept == replace(PROPOSAL, number=1, sources=digest("sources"))
    rebuilt = replace(kept, rebuilt=9)
    channels.rebuilt(rebuilt, ENTRY, LATER)
    assert channels.proposal(1) == rebuilt
    for again in (rebuilt, replace(kept, rebuilt=10)):
        with pytest.raises(ConflictError):
            channels.rebuilt(again, ENTRY, LATER)
    for made in (rebuilt, replace(PROPOSAL, version=9)):
        with pytest.raises(ConflictError, match="shop/web:9 is proposed for production already: 1"):
            channels.propose(made, ENTRY)
    assert audit.head().number == 2


@pytest.mark.parametrize("end", [rejected, promoted])
def test_nothing_is_rebuilt_of_what_is_over(
    channels: ChannelRegister, kept: Proposal, end: Callable[[Proposal], Proposal]
) -> None:
    channels.end(end(kept), ENTRY)
    with pytest.raises(ConflictError):
        channels.rebuilt(replace(kept, rebuilt=9), ENTRY, LATER)
    assert channels.proposal(1) == end(kept)


def test_comments_are_found_as_they_were_said_the_oldest_first(
    channels: ChannelRegister, kept: Proposal
) -> None:
    """Also of what is over, and each with its own proposal."""
    other = channels.propose(OTHER, ENTRY)
    said = [comment(kept), comment(kept, "carla", "because"), comment(kept)]
    for each in (said[0], comment(other, "dora"), *said[1:]):
        channels.comment(each, ENTRY)
    channels.end(rejected(kept), ENTRY)
    channels.comment(comment(kept, "dora", "a pity"), ENTRY)
    assert channels.comments(kept.number) == [*said, comment(kept, "dora", "a pity")]
    assert channels.comments(other.number) == [comment(other, "dora")]
    assert channels.comments(10**30) == channels.comments(3) == []


def test_the_end_of_one_leaves_the_others_open(channels: ChannelRegister, kept: Proposal) -> None:
    other = channels.propose(OTHER, ENTRY)
    channels.end(rejected(kept), ENTRY)
    assert channels.proposals() == [other]


def test_approvals_are_found_as_they_were_kept_the_oldest_first(
    channels: ChannelRegister, kept: Proposal
) -> None:
    """Also of somebody who gives one again, and each to its own proposal."""
    other = channels.propose(OTHER, ENTRY)
    given = [
        approval(kept, who, said) for who, said in (("bert", "Ö"), ("carla", ""), ("bert", ""))
    ]
    for each in (given[0], approval(other, "dora"), *given[1:]):
        channels.approve(each, ENTRY)
    assert channels.approvals(kept.number) == given
    assert channels.approvals(other.number) == [approval(other, "dora")]
    channels.end(rejected(kept), ENTRY)
    assert channels.approvals(kept.number) == given


@pytest.mark.parametrize("end", [rejected, promoted])
def test_what_is_over_cannot_be_approved(
    channels: ChannelRegister,
    audit: SqlAudit,
    kept: Proposal,
    end: Callable[[Proposal], Proposal],
) -> None:
    channels.end(end(kept), ENTRY)
    with pytest.raises(ConflictError):
        channels.approve(approval(kept), ENTRY)
    assert channels.approvals(kept.number) == []
    assert audit.head().number == 2


def test_what_was_never_proposed_can_neither_be_approved_nor_ended(
    channels: ChannelRegister, audit: SqlAudit, kept: Proposal
) -> None:
    unknown = replace(kept, number=2)
    refused: list[Callable[[], object]] = [
        lambda: channels.approve(approval(unknown), ENTRY),
        lambda: channels.end(rejected(unknown), ENTRY),
        lambda: channels.assign([assignment()], ENTRY, [promoted(unknown)]),
    ]
    for each in refused:
        with pytest.raises(ConflictError):
            each()
    assert channels.approvals(2) == []
    assert channels.every() == []
    assert channels.proposals(every=True) == [kept]
    assert audit.head().number == 1


def test_times_of_other_zones_are_the_same_moments(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    there, later = NOW.astimezone(ELSEWHERE), LATER.astimezone(ELSEWHERE)
    made = channels.propose(replace(PROPOSAL, at=there), ENTRY)
    channels.approve(replace(approval(made), at=later), ENTRY)
    channels.end(replace(rejected(made), ended_at=later), ENTRY)
    found, [approved] = channels.proposal(1), channels.approvals(1)
    assert found
    assert found.ended_at
    assert (made.at, found.at, found.ended_at, approved.at) == (NOW, NOW, LATER, LATER)
    assert {made.at.tzinfo, found.at.tzinfo, found.ended_at.tzinfo, approved.at.tzinfo} == {UTC}
    assert [each.at for each in audit.records()] == [NOW, LATER, LATER]
    assert verify(audit.records(), audit.head()).number == 3


# An assignment that ends a proposal: both or neither.


def test_an_assignment_ends_its_proposal_with_its_own_record_and_that_of_who_follows(
    channels: ChannelRegister, audit: SqlAudit, kept: Proposal
) -> None:
    channels.assign([assignment(), assignment(1, "dev")], ENTRY, [promoted(kept)])
    assert channels.every() == [assignment(1, "dev"), assignment()]
    assert channels.proposal(1) == promoted(kept)
    assert [each.verb for each in audit.records(1)] == [ENTRY.verb, "follow"]


def test_an_assignment_that_ends_none_leaves_all_open(
    channels: ChannelRegister, kept: Proposal
) -> None:
    channels.assign([assignment()], ENTRY)
    assert channels.proposals() == [kept]


@pytest.mark.parametrize("end", [rejected, promoted])
def test_a_proposal_that_is_over_refuses_every_assignment_and_leaves_no_record(
    channels: ChannelRegister,
    audit: SqlAudit,
    kept: Proposal,
    end: Callable[[Proposal], Proposal],
) -> None:
    channels.end(end(kept), ENTRY)
    with pytest.raises(ConflictError):
        channels.assign([assignment(), assignment(1, "dev")], ENTRY, [promoted(kept)])
    assert channels.every() == []
    assert channels.history(WEB, "production") == channels.history(WEB, "dev") == []
    assert channels.proposal(1) == end(kept)
    assert audit.head().number == 2


@pytest.mark.parametrize("number", [1, 3])
def test_an_assignment_that_is_refused_leaves_the_proposal_open(
    channels: ChannelRegister, audit: SqlAudit, kept: Proposal, number: int
) -> None:
    """Also where only one that follows comes too late or too early."""
    channels.assign([assignment(), assignment(1, "dev")], ENTRY)
    before, records = channels.every(), audit.head().number
    for refused in (
        [assignment(number)],
        [assignment(2), assignment(number, "dev")],
    ):
        with pytest.raises(ConflictError):
            channels.assign(refused, ENTRY, [promoted(kept)])
        assert channels.every() == before
        assert channels.proposals() == [kept]
        assert audit.head().number == records
    channels.assign([assignment(2)], ENTRY, [promoted(kept)])
    assert channels.proposal(1) == promoted(kept)


@pytest.mark.parametrize("held", ["production", "dev"])
def test_a_hold_leaves_the_proposal_open(
    channels: ChannelRegister, audit: SqlAudit, kept: Proposal, held: str
) -> None:
    channels.hold(replace(HOLD, channel=held), ENTRY)
    with pytest.raises(ConflictError):
        channels.assign([assignment(), assignment(1, "dev")], ENTRY, [promoted(kept)])
    assert channels.every() == []
    assert channels.proposals() == [kept]
    assert audit.head().number == 2


# Every change and its record in the audit are one transaction.

Change = Callable[[ChannelRegister, Proposal], object]
CHANGES: dict[str, tuple[Change, datetime]] = {
    "propose": (lambda channels, _: channels.propose(ANOTHER, ENTRY), NOW),
    "approve": (lambda channels, kept: channels.approve(approval(kept), ENTRY), LATER),
    "approve again": (lambda channels, kept: channels.approve(approval(kept), ENTRY), LATER),
    "comment": (lambda channels, kept: channels.comment(comment(kept), ENTRY), LATER),
    "rebuild": (
        lambda channels, kept: channels.rebuilt(replace(kept, rebuilt=9), ENTRY, LATER),
        LATER,
    ),
    "reject": (
        lambda channels, kept: channels.end(rejected(replace(kept, number=2)), ENTRY),
        LATER,
    ),
    "promote": (
        lambda channels, kept: channels.assign([assignment()], ENTRY, [promoted(kept)]),
        assignment().at,
    ),
}


def everything(channels: ChannelRegister) -> list[object]:
    approvals = [channels.approvals(number) for number in range(1, 5)]
    said = [channels.comments(number) for number in range(1, 5)]
    return [channels.proposals(every=True), approvals, said, channels.every()]


def test_every_change_adds_one_record_at_its_time(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    kept = channels.propose(PROPOSAL, ENTRY)
    channels.propose(OTHER, ENTRY)
    before = everything(channels)
    for number, (name, (change, at)) in enumerate(CHANGES.items(), 3):
        change(channels, kept)
        after = everything(channels)
        assert after != before, name
        before = after
        [record] = audit.records(number - 1)
        assert (record.number, record.at) == (number, at), name
        written = Entry(**record.model_dump(include=set(Entry.model_fields)))
        more = {"proposal": 3} if name == "propose" else {}
        assert written == ENTRY.model_copy(update={"details": {**ENTRY.details, **more}})
    assert verify(audit.records(), audit.head()).number == 2 + len(CHANGES)


def test_a_change_whose_record_cannot_be_added_is_not_made(
    channels: ChannelRegister, audit: SqlAudit, engine: Engine
) -> None:
    kept = channels.propose(PROPOSAL, ENTRY)
    channels.propose(OTHER, ENTRY)
    channels.approve(approval(kept, "dora"), ENTRY)
    before, records = everything(channels), list(audit.records())
    with engine.begin() as connection:
        connection.execute(update(channel_schema.audit_head).values(seal="0" * 64))
    for change, _ in CHANGES.values():
        with pytest.raises(VerificationError):
            change(channels, kept)
        assert everything(channels) == before
        assert list(audit.records()) == records


def test_a_first_record_whose_seal_cannot_be_made_is_not_kept_nor_the_proposal(
    channels: ChannelRegister, audit: SqlAudit, key_file: Path
) -> None:
    key_file.write_bytes(b"")
    with pytest.raises(VerificationError):
        channels.propose(PROPOSAL, ENTRY)
    assert channels.proposals(every=True) == []
    assert list(audit.records()) == []


# Several at once, each with a connection of its own.


def side_by_side(
    database_url: str, key_file: Path, work: Callable[[int, SqlChannels], None]
) -> None:
    """Have four writers work at the same time."""
    open_database(database_url).dispose()

    def one(writer: int) -> None:
        engine = open_database(database_url)
        work(writer, SqlChannels(engine, SqlAudit(engine, key_file)))
        engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))


def entry_of(writer: int, proposal: int = 0) -> Entry:
    details = {"proposal": proposal}
    return ENTRY.model_copy(update={"who": f"{writer}", "details": details})


def test_of_those_who_propose_at_once_each_gets_a_number_of_its_own(
    database_url: str, key_file: Path
) -> None:
    got: dict[int, list[int]] = {writer: [] for writer in range(4)}

    def work(writer: int, channels: SqlChannels) -> None:
        for number in range(5):
            mine = replace(PROPOSAL, who=f"{writer}", version=10 * writer + number + 1)
            made = channels.propose(mine, entry_of(writer))
            got[writer].append(made.number)

    side_by_side(database_url, key_file, work)
    assert sorted(each for numbers in got.values() for each in numbers) == [*range(1, 21)]
    engine = open_database(database_url)
    audit = SqlAudit(engine, key_file)
    found = SqlChannels(engine, audit).proposals()[::-1]
    assert all(each.number in got[int(each.who)] for each in found)
    written = [(each.who, each.details["proposal"]) for each in audit.records()]
    assert written == [(each.who, each.number) for each in found]
    assert verify(audit.records(), audit.head()).number == 20
    engine.dispose()


def test_of_those_who_propose_the_same_at_once_exactly_one_does(
    database_url: str, key_file: Path
) -> None:
    refused: list[str] = []

    def work(writer: int, channels: SqlChannels) -> None:
        try:
            channels.propose(PROPOSAL, entry_of(writer))
        except ConflictError as error:
            refused.append(error.message)

    side_by_side(database_url, key_file, work)
    assert refused == ["shop/web:3 is proposed for production already: 1"] * 3
    engine = open_database(database_url)
    assert [
        each.number for each in SqlChannels(engine, SqlAudit(engine, key_file)).proposals()
    ] == [1]
    engine.dispose()


def test_of_those_who_end_one_at_once_exactly_one_does_and_nobody_approves_later(
    database_url: str, key_file: Path
) -> None:
    """Two reject, one promotes, and one approves, which may come first or not at all."""
    rounds, together = range(1, 7), Barrier(4)
    done: dict[int, list[int]] = {writer: [] for writer in range(4)}
    engine = open_database(database_url)
    audit = SqlAudit(engine, key_file)
    channels = SqlChannels(engine, audit)
    kept = {number: channels.propose(replace(PROPOSAL, version=number), ENTRY) for number in rounds}

    def act(writer: int, channels: SqlChannels, proposal: Proposal) -> None:
        entry = entry_of(writer, proposal.number)
        if writer == 0:
            channels.approve(approval(proposal), entry)
        elif writer == 1:  # the only one who assigns
            last = len(channels.history(WEB, "production"))
            channels.assign([assignment(last + 1)], entry, [promoted(proposal)])
        else:
            channels.end(replace(rejected(proposal), ended_by=f"{writer}"), entry)

    def work(writer: int, channels: SqlChannels) -> None:
        for proposal in kept.values():
            together.wait(60)
            try:
                act(writer, channels, proposal)
            except ConflictError:
                continue
            done[writer].append(proposal.number)

    side_by_side(database_url, key_file, work)
    assert sorted(done[1] + done[2] + done[3]) == [*rounds]
    assert len(channels.history(WEB, "production")) == len(done[1])
    records = list(audit.records(len(rounds)))
    for number in rounds:
        ended = next(writer for writer in (1, 2, 3) if number in done[writer])
        found = channels.proposal(number)
        assert found
        assert found.ended_by == ("carla" if ended == 1 else f"{ended}")
        approved = number in done[0]
        assert len(channels.approvals(number)) == approved
        written = [each.who for each in records if each.details["proposal"] == number]
        assert written == (["0"] if approved else []) + [f"{ended}"]
    assert verify(audit.records(), audit.head()).number == len(rounds) + len(records)
    engine.dispose()


# People who act while somebody promotes, on a channel where one other has to approve.


class Interrupted(FakeClock):
    """A clock: when somebody asks for the time once more than `before` times, another acts."""

    def __init__(self, before: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act
        self.left = before

    def now(self) -> datetime:
        self.left -= 1
        if self.left == -1:
            self._act()
        return super().now()


def workshop_on(engine: Engine, key_file: Path, folder: Path) -> Workshop:
    audit = SqlAudit(engine, key_file)
    return replace(in_database(fleet_workshop(folder), engine, audit), actor="ann")


@pytest.fixture
def workshop(engine: Engine, key_file: Path, tmp_path: Path) -> Workshop:
    """Production is version 1."""
    made = workshop_on(engine, key_file, tmp_path / "workshop")
    add_versions(made, 3, WEB)
    promote(made, f"{WEB}:1", "production")
    made.channels.set_rules(APPROVED_BY_ONE, ENTRY, NOW)
    return made


def by(workshop: Workshop, who: str) -> Workshop:
    return replace(workshop, actor=who)


def approved(workshop: Workshop, version: int) -> Proposal:
    """Have ann propose it, and bert approve it."""
    made = propose(workshop, f"{WEB}:{version}", "production", "why not")
    approve(by(workshop, "bert"), made.number)
    return made


def state_of(workshop: Workshop, proposal: Proposal) -> ProposalState | None:
    found = workshop.channels.proposal(proposal.number)
    return found.state if found else None


def versions_of(workshop: Workshop) -> list[int]:
    return [each.version for each in workshop.channels.history(WEB, "production")]


def has_promoted(workshop: Workshop, version: int) -> bool:
    try:
        return promote(workshop, f"{WEB}:{version}", "production").changed
    except (ConflictError, GateError):
        return False


def test_whoever_rejects_at_whatever_moment_of_a_promotion_is_heard(workshop: Workshop) -> None:
    for moment in count():
        proposal = approved(workshop, 2)
        clock = Interrupted(moment, partial(reject, workshop, proposal.number, "no"))
        before = workshop.audit.head().number
        if has_promoted(replace(by(workshop, "carla"), clock=clock), 2):
            assert clock.left >= 0, "it was rejected, and promoted"
            assert moment > 2
            assert state_of(workshop, proposal) is ProposalState.PROMOTED
            assert versions_of(workshop) == [2, 1]
            break
        assert state_of(workshop, proposal) is ProposalState.REJECTED
        assert versions_of(workshop) == [1]
        assert workshop.audit.head().number == before + 1


def test_whoever_moves_the_channel_at_whatever_moment_of_a_promotion_makes_approvals_void(
    workshop: Workshop,
) -> None:
    """It is approved again each time, in place of what the channel means then."""

    def move() -> None:
        """Promote what was never there before, under other rules."""
        made = add_version(workshop, WEB)
        workshop.channels.set_rules(ChannelRules(), ENTRY, NOW)
        promote(by(workshop, "dora"), f"{WEB}:{made.number}", "production")
        workshop.channels.set_rules(APPROVED_BY_ONE, ENTRY, NOW)

    proposal = propose(workshop, f"{WEB}:2", "production", "why not")
    for moment in count():
        approve(by(workshop, "bert"), proposal.number)
        clock = Interrupted(moment, move)
        before = versions_of(workshop)
        if has_promoted(replace(by(workshop, "carla"), clock=clock), 2):
            assert clock.left >= 0, "it was moved, and promoted"
            assert moment > 2
            assert versions_of(workshop) == [2, *before]
            break
        assert state_of(workshop, proposal) is ProposalState.OPEN
        assert versions_of(workshop) == [4 + moment, *before]
        with pytest.raises(GateError, match="1 more has to approve"):
            promote(by(workshop, "carla"), f"{WEB}:2", "production")


def test_an_approval_given_before_the_channel_was_moved_and_came_back_counts_no_more(
    workshop: Workshop,
) -> None:
    """What it would replace is the same again; what has happened to the channel is not."""
    proposal = propose(workshop, f"{WEB}:2", "production", "why not")
    approve(by(workshop, "bert"), proposal.number)
    workshop.channels.set_rules(ChannelRules(), ENTRY, NOW)
    for version in (3, 1):
        promote(by(workshop, "dora"), f"{WEB}:{version}", "production")
    workshop.channels.set_rules(APPROVED_BY_ONE, ENTRY, NOW)
    with pytest.raises(GateError, match="1 more has to approve"):
        promote(by(workshop, "carla"), f"{WEB}:2", "production")
    approve(by(workshop, "bert"), proposal.number)
    assert has_promoted(by(workshop, "carla"), 2)


def test_a_channel_that_follows_back_ends_what_is_proposed_for_it(workshop: Workshop) -> None:
    """And leaves what else is."""
    staged, other = (
        propose(workshop, f"{WEB}:{version}", "staging", "why not") for version in (2, 3)
    )
    follows = ChannelRule(channel="production", follow_back=("staging",))
    workshop.channels.set_rules(ChannelRules(channels=(follows,)), ENTRY, NOW)
    assert has_promoted(by(workshop, "carla"), 2)
    assert state_of(workshop, staged) is ProposalState.PROMOTED
    assert state_of(workshop, other) is ProposalState.OPEN
    found = workshop.channels.proposal(staged.number)
    assert found
    assert found.ended_by == "carla"


def meeting(moment: int) -> list[Interrupted]:
    """Clocks of two who wait for each other at a moment."""
    together = Barrier(2)
    return [Interrupted(moment, partial(together.wait, 60)) for _ in range(2)]


def test_who_approves_twice_at_once_counts_once(workshop: Workshop) -> None:
    """The second one was asked for before the first was kept."""
    two = ChannelRule(channel="production", approvals=Approvals(count=2))
    workshop.channels.set_rules(ChannelRules(channels=(two,)), ENTRY, NOW)
    proposal = propose(workshop, f"{WEB}:2", "production", "why not")
    bert = by(workshop, "bert")
    given = approve(bert, proposal.number).ballot
    assert given
    workshop.channels.approve(given.approvals[0], ENTRY)
    assert len(workshop.channels.approvals(proposal.number)) == 2
    with pytest.raises(GateError, match="1 more has to approve"):
        promote(bert, f"{WEB}:2", "production")


def test_of_two_who_promote_one_approved_proposal_at_once_exactly_one_wins(
    workshop: Workshop, database_url: str, key_file: Path, tmp_path: Path
) -> None:
    """At whatever moment they meet; at the last one, both have decided, and nothing is kept yet."""
    engines = [open_database(database_url) for _ in range(2)]
    both = [
        replace(
            workshop_on(engine, key_file, tmp_path / name),
            actor=name,
            keys=workshop.keys,
            layers=workshop.layers,
        )
        for engine, name in zip(engines, ("carla", "dora"), strict=True)
    ]
    for moment in count():
        version, clocks = 2 + moment % 2, meeting(moment)
        proposal, before = approved(workshop, version), versions_of(workshop)
        rivals = [replace(each, clock=clock) for each, clock in zip(both, clocks, strict=True)]
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(has_promoted, rivals, [version] * 2))
        assert sorted(outcomes) == [False, True]
        winner = rivals[outcomes.index(True)].actor
        found = workshop.channels.proposal(proposal.number)
        assert found
        assert (found.state, found.ended_by) == (ProposalState.PROMOTED, winner)
        assert versions_of(workshop) == [version, *before]
        *_, last = workshop.audit.records()
        written = (last.verb, last.who, last.details["proposal"])
        assert written == ("promote", winner, proposal.number)
        assert last.number == 2 + 3 * (moment + 1)
        if all(clock.left >= 0 for clock in clocks):
            assert moment > 2
            break
    for engine in engines:
        engine.dispose()


# The schema.


def assign_as_then(old: Engine, *assignments: Assignment) -> None:
    """Keep assignments in the columns that there were before they were signed."""
    tables = MetaData()
    tables.reflect(old, only=["assignments", "channels"])
    with old.begin() as connection:
        for each in assignments:
            row = {
                **{name: getattr(each, name) for name in ("image", "channel", "number", "version")},
                "digest": bytes.fromhex(each.digest[7:]),
                "at": each.at.astimezone(UTC),
                "who": each.who,
                "why": each.why,
                "way": each.way.value,
            }
            connection.execute(insert(tables.tables["assignments"]).values(row))
            head = {"image": each.image, "channel": each.channel, "newest": each.number}
            connection.execute(insert(tables.tables["channels"]).values(head))


@pytest.fixture(params=["0006", "0007"])
def older(request: pytest.FixtureRequest, database_url: str, key_file: Path) -> Iterator[Engine]:
    """A database with an image and, where there were channels, all that they have."""
    old = at_revision(database_url, request.param)
    with old.begin() as connection:
        connection.execute(text("INSERT INTO images (id, name) VALUES (1, 'shop/web')"))
    if request.param == "0007":
        audit = SqlAudit(old, key_file)
        assign_as_then(old, assignment(), assignment(1, "dev"))
        audit.append(ENTRY, assignment().at)
        SqlChannels(old, audit).hold(HOLD, ENTRY)
    old.dispose()
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def test_a_database_of_a_schema_before_keeps_what_it_has_and_gets_proposals(
    older: Engine, key_file: Path, request: pytest.FixtureRequest
) -> None:
    audit = SqlAudit(older, key_file)
    channels = SqlChannels(older, audit)
    with older.connect() as connection:
        assert connection.execute(text("SELECT name FROM images")).scalar() == "shop/web"
    had_channels = "0007" in request.node.name
    assert channels.every() == ([assignment(1, "dev"), assignment()] if had_channels else [])
    assert channels.holds() == ([HOLD] if had_channels else [])
    assert channels.proposals(every=True) == []
    kept = channels.propose(PROPOSAL, ENTRY)
    channels.approve(approval(kept), ENTRY)
    channels.end(rejected(kept), ENTRY)
    assert channels.proposals(every=True) == [rejected(kept)]
    assert channels.approvals(1) == [approval(kept)]
    assert verify(audit.records(), audit.head()).number == (2 if had_channels else 0) + 3


def test_the_tables_are_as_the_code_describes_them(engine: Engine) -> None:
    ours = {"proposals", "approvals", "proposal_comments"}
    assert ours <= schema.metadata.tables.keys()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, schema.metadata)
    assert [each for each in differences if any(name in str(each) for name in ours)] == []
