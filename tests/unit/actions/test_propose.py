"""What rules want others to approve gets nowhere before they have, for what is known of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from advised_images import (
    FLASK,
    NEW_SSL,
    OLD_SSL,
    add_holding,
    exploited,
    import_feed,
    not_affected,
    tracker,
)
from channel_images import add_version, put_rules, verbs
from fleet_workshop import fleet_workshop

from herdbook.actions.forget import forget
from herdbook.actions.name_version import present
from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, propose, reject
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.weigh_proposal import Weighed, weigh
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Record
from herdbook.channels.model import Level
from herdbook.channels.ports import ChannelRegister
from herdbook.channels.proposals import Proposal, ProposalState
from herdbook.core.errors import (
    ConflictError,
    GateError,
    HerdbookError,
    InvalidInputError,
    NotFoundError,
    RevokedError,
)

WEB = "shop/web:2"
RULES = """
channels:
  - channel: production
    images: shop/*
    approvals: {count: 2, groups: [operators, security], valid: 3d}
"""
DAY = 86_400


@dataclass
class People:
    """Who is in which groups, and the same workshop as each of them has it."""

    first: Workshop
    groups: dict[str, set[str]]

    def give(self, who: str) -> Workshop:
        """Return the workshop of somebody."""
        return replace(self.first, actor=who)

    def approve(self, *names: str, number: int = 1) -> Weighed:
        """Have each of them approve a proposal, and return how it stands."""
        return [approve(self.give(each), number, f"{each} looked") for each in names][-1]


@pytest.fixture
def people(tmp_path: Path) -> People:
    """People with two versions, the first in production, the second without a known weakness."""
    groups = {
        "anna": {"operators"},
        "bob": {"operators"},
        "cleo": {"security"},
        "dora": {"sport"},
    }
    first = replace(
        fleet_workshop(tmp_path / "state"), groups_of=lambda who: groups.get(who, set())
    )
    add_holding(first, OLD_SSL)
    add_holding(first, NEW_SSL)
    import_feed(first, tracker())
    promote(first, "shop/web:1", "production")
    put_rules(first, RULES)
    return People(first, groups)


@pytest.fixture
def anna(people: People) -> Workshop:
    return people.give("anna")


@pytest.fixture
def proposal(anna: Workshop) -> Proposal:
    """The one that shop/web:2 gets to production, which anna has made."""
    return propose(anna, WEB, "production", "payment by invoice")


def kept(workshop: Workshop) -> tuple[object, ...]:
    """Return all that a refusal must leave as it was."""
    channels = workshop.channels
    every = channels.proposals(every=True)
    approvals = [channels.approvals(each.number) for each in every]
    return channels.every(), every, approvals, verbs(workshop)


def refused(
    workshop: Workshop, kind: type[HerdbookError], act: Callable[[], object]
) -> HerdbookError:
    """Return with what something is refused, which changes nothing."""
    before = kept(workshop)
    with pytest.raises(kind) as caught:
        act()
    assert kept(workshop) == before
    assert caught.value.hint
    return caught.value


def last_record(workshop: Workshop) -> Record:
    [record] = workshop.audit.records(newest=1)
    return record


# Proposing


def test_a_proposal_names_the_version_by_its_digest_and_who_wants_it(anna: Workshop) -> None:
    found = propose(anna, WEB, "production", "payment by invoice")
    version = anna.versions.find("shop/web", 2)
    assert version
    assert found == Proposal(
        number=1,
        image="shop/web",
        channel="production",
        version=2,
        digest=version.digest,
        who="anna",
        at=anna.clock.now(),
        why="payment by invoice",
    )
    assert anna.channels.proposal(1) == found
    assert anna.channels.proposals() == [found]


def test_whatever_names_a_version_can_be_proposed(people: People) -> None:
    anna = people.give("anna")
    promote(anna, WEB, "staging")
    assert propose(anna, "shop/web@staging", "production", "x").version == 2
    assert propose(anna, "shop/web", "qa", "x").version == 2


def test_proposals_are_numbered_through(anna: Workshop, proposal: Proposal) -> None:
    reject(anna, proposal.number, "a mistake")
    assert propose(anna, WEB, "production", "again").number == 2
    assert propose(anna, WEB, "staging", "there, too").number == 3


def test_what_is_proposed_already_is_refused_whoever_asks(
    people: People, proposal: Proposal
) -> None:
    for who in ("anna", "bob"):
        asks = people.give(who)
        error = refused(asks, ConflictError, partial(propose, asks, WEB, "production", "x"))
        assert "shop/web:2 is proposed for production already: 1" in error.message
        assert error.hint == f"See it: herdbook proposal show {proposal.number}"


def test_what_a_channel_means_already_is_refused(anna: Workshop) -> None:
    error = refused(
        anna, ConflictError, lambda: propose(anna, "shop/web:1", "production", "once more")
    )
    assert "shop/web@production is shop/web:1 already" in error.message
    assert "herdbook channel history shop/web@production" in error.hint


@pytest.mark.usefixtures("proposal")
def test_what_a_channel_has_fallen_back_to_can_be_proposed_so_that_it_stays(people: People) -> None:
    """It can be promoted, too; without a proposal, nobody could."""
    people.approve("bob", "cleo")
    anna = people.give("anna")
    promote(anna, WEB, "production")
    declare_bad(anna, WEB)
    now = present(anna, "shop/web", "production")
    assert now
    assert now.version == 1
    error = refused(anna, GateError, lambda: promote(anna, "shop/web:1", "production"))
    assert "herdbook propose shop/web:1 production" in error.hint
    again = propose(anna, "shop/web:1", "production", "it is to stay")
    people.approve("bob", "cleo", number=again.number)
    assert promote(anna, "shop/web:1", "production").changed
    reinstate(anna, WEB)
    now = present(anna, "shop/web", "production")
    assert now
    assert now.version == 1


def declare_bad(workshop: Workshop, name: str) -> None:
    since = dict.fromkeys((Level.BUILDS, Level.RELEASES), workshop.clock.now())
    revoke(workshop, plan_revocation(workshop, name, "it leaks", since))


def test_a_revoked_version_is_refused_and_reinstated_it_can_be_proposed(anna: Workshop) -> None:
    declare_bad(anna, WEB)
    error = refused(anna, RevokedError, lambda: propose(anna, WEB, "production", "x"))
    assert "shop/web:2 is revoked: it leaks" in error.message
    reinstate(anna, WEB)
    assert propose(anna, WEB, "production", "x").number == 1


def test_what_is_made_from_a_revoked_version_is_refused(anna: Workshop) -> None:
    add_version(anna, "shop/base")
    add_version(anna, "shop/till", ("shop/base", 1))
    declare_bad(anna, "shop/base:1")
    error = refused(anna, RevokedError, lambda: propose(anna, "shop/till:1", "production", "x"))
    assert "made from shop/base:1" in error.message


@pytest.mark.parametrize("why", ["", " ", "\n\t"])
def test_without_words_nothing_is_proposed_or_rejected(
    anna: Workshop, proposal: Proposal, why: str
) -> None:
    refused(anna, InvalidInputError, lambda: propose(anna, WEB, "staging", why))
    error = refused(anna, InvalidInputError, lambda: reject(anna, proposal.number, why))
    assert "--why" in error.message


def test_what_is_no_channel_and_no_version_is_refused(anna: Workshop) -> None:
    refused(anna, InvalidInputError, lambda: propose(anna, WEB, "Production", "x"))
    error = refused(anna, NotFoundError, lambda: propose(anna, "shop/wep:1", "production", "x"))
    assert "'shop/web'" in error.hint


@pytest.mark.parametrize("act", [approve, lambda shop, number: reject(shop, number, "x")])
def test_a_number_that_is_none_is_told_with_the_next_step(
    anna: Workshop, act: Callable[[Workshop, int], object]
) -> None:
    error = refused(anna, NotFoundError, lambda: act(anna, 7))
    assert (error.message, error.hint) == (
        *("There is no proposal 7", "See which there are: herdbook proposal ls"),
    )


# Approving


def test_it_is_promoted_once_enough_others_have_approved_it(
    people: People, proposal: Proposal
) -> None:
    anna = people.give("anna")
    error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
    assert "2 more have to approve proposal 1" in error.message
    assert error.hint == "See who and why: herdbook proposal show 1"
    weighed = people.approve("bob")
    assert weighed.ballot
    assert (weighed.ballot.missing(anna.clock.now()), weighed.void) == (1, ())
    error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
    assert "1 more has to approve proposal 1" in error.message
    people.approve("cleo")
    anna.clock.sleep(60)
    found = promote(anna, WEB, "production", "at last")
    assert (found.assignment.version, found.assignment.digest) == (2, proposal.digest)
    assert anna.channels.proposal(1) == replace(
        proposal, state=ProposalState.PROMOTED, ended_at=anna.clock.now(), ended_by="anna"
    )
    assert anna.channels.proposals() == []


def test_what_nobody_has_proposed_is_refused_and_the_next_step_helps(people: People) -> None:
    anna = people.give("anna")
    error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
    assert "2 have to approve it, and nobody has proposed it" in error.message
    assert error.hint == f"First: herdbook propose {WEB} production --why TEXT"
    image, channel = error.hint.split()[3:5]
    propose(anna, image, channel, "TEXT")
    people.approve("bob", "cleo")
    assert promote(anna, WEB, "production").changed


@pytest.mark.usefixtures("proposal")
def test_a_proposal_is_for_its_version_and_its_channel_alone(people: People) -> None:
    add_holding(people.first, NEW_SSL)
    people.approve("bob", "cleo")
    put_rules(people.first, RULES + RULES.partition("channels:")[2].replace("production", "qa"))
    anna = people.give("anna")
    for name, channel in (("shop/web:3", "production"), (WEB, "qa")):
        with pytest.raises(GateError, match="nobody has proposed it"):
            promote(anna, name, channel)


def test_what_was_seen_and_said_is_kept(people: People, proposal: Proposal) -> None:
    weighed = people.approve("bob")
    [found] = people.first.channels.approvals(proposal.number)
    assert (found.proposal, found.who, found.at, found.said) == (
        *(1, "bob", people.first.clock.now(), "bob looked"),
    )
    assert weighed.evidence
    assert found.evidence == weighed.evidence.digest
    assert weighed.ballot
    assert weighed.ballot.approvals == [found]


def test_nobody_approves_their_own(people: People, proposal: Proposal) -> None:
    anna = people.give("anna")
    error = refused(anna, GateError, lambda: approve(anna, proposal.number))
    assert error.message == "Proposal 1 cannot be approved: nobody approves what they propose"


@pytest.mark.usefixtures("proposal")
def test_nobody_approves_twice(people: People) -> None:
    people.approve("bob")
    error = refused(people.first, GateError, lambda: people.approve("bob"))
    assert error.message == "Proposal 1 cannot be approved: bob has approved it"
    assert error.hint == "See who else may: herdbook proposal show 1"


@pytest.mark.usefixtures("proposal")
@pytest.mark.parametrize("who", ["dora", "nobody knows them"])
def test_only_members_of_the_groups_approve(people: People, who: str) -> None:
    error = refused(people.first, GateError, lambda: people.approve(who))
    assert error.message.endswith(f"{who} is not in operators or security")


def test_where_no_rule_asks_nobody_can_approve(people: People) -> None:
    propose(people.give("anna"), WEB, "staging", "x")
    error = refused(people.first, GateError, lambda: people.approve("bob"))
    assert "Nobody has to approve what shop/web@staging gets" in error.message
    assert error.hint == f"Promote it: herdbook promote {WEB} staging"
    assert promote(people.give("bob"), WEB, "staging").changed
    ended = people.first.channels.proposal(1)
    assert ended
    assert (ended.state, ended.ended_by) == (ProposalState.PROMOTED, "bob")


# What makes approvals void


@dataclass
class Voided:
    """A proposal that two have approved, of which something changes."""

    people: People
    proposal: Proposal

    def requires_again(self, *reasons: tuple[str, str]) -> None:
        """See that approvals are void for these reasons, and that what is missing can be given."""
        anna = self.people.give("anna")
        weighed = weigh(anna, self.proposal)
        assert [(each.who, reason) for each, reason in weighed.void] == list(reasons)
        error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
        assert "more ha" in error.message
        assert "approve proposal 1" in error.message


@pytest.fixture
def approved(people: People, proposal: Proposal) -> Voided:
    people.approve("bob", "cleo")
    return Voided(people, proposal)


CHANGED = (("bob", "what it rested on has changed"), ("cleo", "what it rested on has changed"))


def test_approvals_are_void_when_the_channel_moves_meanwhile(approved: Voided) -> None:
    people = approved.people
    add_holding(people.first, NEW_SSL)
    other = propose(people.give("anna"), "shop/web:3", "production", "urgent")
    people.approve("bob", "cleo", number=other.number)
    promote(people.give("anna"), "shop/web:3", "production")
    approved.requires_again(*CHANGED)
    people.approve("bob", "cleo")
    assert promote(people.give("anna"), WEB, "production").changed


def test_approvals_are_void_when_the_channel_falls_back(approved: Voided) -> None:
    declare_bad(approved.people.first, "shop/web:1")
    approved.requires_again(*CHANGED)


@pytest.mark.parametrize(
    "change",
    [
        ("valid: 3d", "valid: 4d"),
        ("[operators, security]", "[operators, security, sport]"),
        ("shop/*", "shop/web"),
        ("{count: 2,", "{  count: 2,"),
        ("valid: 3d}", "valid: 3d}\n    gates: {worst: high}"),
    ],
    ids=["valid", "groups", "images", "nothing", "gates"],
)
def test_approvals_are_void_when_the_rule_changes_and_not_when_it_is_put_again(
    approved: Voided, change: tuple[str, str]
) -> None:
    put_rules(approved.people.first, RULES.replace(*change))
    if change[1] == "{  count: 2,":
        assert promote(approved.people.give("anna"), WEB, "production").changed
    else:
        approved.requires_again(*CHANGED)


def test_approvals_hold_when_a_rule_changes_that_is_about_something_else(
    approved: Voided,
) -> None:
    put_rules(approved.people.first, RULES + "  - {channel: qa, from: staging}")
    assert promote(approved.people.give("anna"), WEB, "production").changed


@pytest.mark.parametrize(
    "feed",
    [
        tracker("CVE-2026-2", fixed=""),
        tracker(fixed=""),
        tracker("CVE-2026-2", fixed="3.0.11-1"),
        tracker(severity="low"),
        exploited(),
        not_affected(),
    ],
    ids=["gained", "affected", "only before", "severity before", "exploited before", "cleared"],
)
def test_approvals_are_void_when_advisories_are_imported_that_say_anything_new_of_both(
    approved: Voided, feed: dict[str, Any]
) -> None:
    import_feed(approved.people.first, feed)
    approved.requires_again(*CHANGED)


@pytest.mark.parametrize(
    "feed",
    [tracker(), exploited("CVE-2026-99"), not_affected("CVE-2026-99")],
    ids=["the same", "others", "others cleared"],
)
def test_approvals_hold_when_what_is_imported_says_nothing_new_of_both(
    approved: Voided, feed: dict[str, Any]
) -> None:
    import_feed(approved.people.first, feed)
    assert promote(approved.people.give("anna"), WEB, "production").changed


def test_approvals_are_void_when_their_time_has_passed(approved: Voided) -> None:
    people, clock = approved.people, approved.people.first.clock
    clock.sleep(3 * DAY - 1)
    assert weigh(people.first, approved.proposal).void == ()
    clock.sleep(1)
    approved.requires_again(("bob", "it is older than 3d"), ("cleo", "it is older than 3d"))
    people.approve("bob", "cleo")
    assert len(weigh(people.first, approved.proposal).void) == 2
    assert promote(people.give("anna"), WEB, "production").changed


def test_an_approval_is_void_when_who_gave_it_leaves_the_group(approved: Voided) -> None:
    people = approved.people
    people.groups["bob"] = {"sport"}
    approved.requires_again(("bob", "bob is not in operators or security"))
    people.groups["bob"] = {"operators"}
    assert promote(people.give("anna"), WEB, "production").changed


def test_an_approval_of_what_was_moved_meanwhile_does_not_count(
    people: People, proposal: Proposal
) -> None:
    """Somebody approves just when somebody else moves the channel."""
    add_holding(people.first, NEW_SSL)

    def overtake() -> None:
        put_rules(people.first, "channels: []")
        promote(people.first, "shop/web:3", "production")
        put_rules(people.first, RULES)

    bob = people.give("bob")
    late: Any = Overtaken(bob.channels, "approve", overtake)
    weighed = approve(replace(bob, channels=late), proposal.number)
    assert [reason for _, reason in weighed.void] == ["what it rested on has changed"]


# How a proposal ends


@pytest.mark.parametrize("who", ["anna", "bob", "dora"])
def test_a_proposal_can_be_rejected_and_taken_back(
    people: People, proposal: Proposal, who: str
) -> None:
    people.approve("cleo")
    people.first.clock.sleep(60)
    ended = reject(people.give(who), proposal.number, "the stock is wrong")
    assert ended == replace(
        proposal,
        state=ProposalState.REJECTED,
        ended_at=people.first.clock.now(),
        ended_by=who,
        said="the stock is wrong",
    )
    assert people.first.channels.proposal(1) == ended
    assert people.first.channels.proposals() == []


@pytest.mark.parametrize("end", ["rejected", "promoted"])
def test_what_has_come_to_its_end_is_neither_approved_nor_rejected(
    people: People, approved: Voided, end: str
) -> None:
    anna, number = people.give("anna"), approved.proposal.number
    if end == "rejected":
        reject(anna, number, "no")
    else:
        promote(anna, WEB, "production")
    people.groups["emil"] = {"security"}
    emil = people.give("emil")
    for act in (lambda: approve(emil, number), lambda: reject(emil, number, "no")):
        error = refused(emil, ConflictError, act)
        assert f"Proposal 1 is {end}" in error.message


def test_the_version_of_a_rejected_proposal_is_refused_and_can_be_proposed_again(
    people: People, approved: Voided
) -> None:
    """Approvals of the one that was rejected are not those of the next."""
    anna = people.give("anna")
    reject(anna, approved.proposal.number, "not now")
    error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
    assert "nobody has proposed it" in error.message
    propose(anna, WEB, "production", "now")
    error = refused(anna, GateError, lambda: promote(anna, WEB, "production"))
    assert "2 more have to approve proposal 2" in error.message


@dataclass
class Overtaken:
    """A register in which somebody else acts just when something is to be kept."""

    register: ChannelRegister
    call: str
    act: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        if name == self.call:
            self.act()
        return getattr(self.register, name)


def test_what_is_rejected_just_when_it_is_promoted_is_not_promoted(
    people: People, approved: Voided
) -> None:
    anna = people.give("anna")
    late: Any = Overtaken(
        anna.channels, "assign", lambda: reject(people.give("bob"), approved.proposal.number, "no")
    )
    with pytest.raises(ConflictError) as caught:
        promote(replace(anna, channels=late), WEB, "production")
    assert caught.value.hint == "See how it ended: herdbook proposal show 1"
    assert [each.version for each in anna.channels.history("shop/web", "production")] == [1]
    assert last_record(anna).verb == "reject"


def test_what_is_promoted_just_when_the_channel_moves_stays_open(
    people: People, approved: Voided
) -> None:
    """The proposal ends in the same transaction, or not at all."""
    add_holding(people.first, NEW_SSL)
    anna = people.give("anna")

    def overtake() -> None:
        put_rules(anna, "channels: []")
        promote(anna, "shop/web:3", "production")

    late: Any = Overtaken(anna.channels, "assign", overtake)
    with pytest.raises(ConflictError):
        promote(replace(anna, channels=late), WEB, "production")
    assert anna.channels.proposals() == [approved.proposal]
    assert last_record(anna).details["version"] == 3


def test_what_was_forgotten_is_told_with_the_next_step(
    people: People, proposal: Proposal, tmp_path: Path
) -> None:
    from stores import open_store

    add_holding(people.first, NEW_SSL)
    version = people.first.versions.find("shop/web", 2)
    assert version
    with pytest.raises(ConflictError, match="it is proposed"):
        forget(people.first, open_store(tmp_path / "state").stock, [version])
    people.first.versions.forget([version])  # as a Herdbook did that did not look
    error = refused(people.first, NotFoundError, lambda: people.approve("bob"))
    assert error.message == "shop/web:2 was forgotten"
    assert reject(people.give("bob"), proposal.number, "it is gone").ended_by == "bob"


# The audit


def test_each_act_is_one_record_and_a_refusal_none(people: People, proposal: Proposal) -> None:
    """Of refusals, `refused` sees to it above."""
    anna, subject = people.give("anna"), "shop/web@production"
    record = last_record(anna)
    assert (record.who, record.verb, record.subject) == ("anna", "propose", subject)
    assert record.details == {
        "proposal": 1,
        "version": 2,
        "digest": proposal.digest,
        "sources": "",
        "why": "payment by invoice",
    }
    approved = people.approve("bob").evidence
    assert approved
    evidence = approved.digest
    record = last_record(anna)
    assert (record.who, record.verb, record.subject) == ("bob", "approve", subject)
    assert record.details == {
        "proposal": 1,
        "version": 2,
        "evidence": evidence,
        "said": "bob looked",
    }
    people.approve("cleo")
    promote(anna, WEB, "production", "at last")
    record = last_record(anna)
    assert (record.who, record.verb, record.subject) == ("anna", "promote", subject)
    assert (record.details["proposal"], record.details["version"]) == (1, 2)
    again = propose(anna, "shop/web:1", "production", "back")
    reject(people.give("bob"), again.number, "no")
    record = last_record(anna)
    assert (record.who, record.verb, record.subject) == ("bob", "reject", subject)
    assert record.details == {"proposal": 2, "why": "no"}
    wanted = ["promote", "set-rules", "propose", "approve", "approve", "promote"]
    assert [each.split()[0] for each in verbs(anna)] == [*wanted, "propose", "reject"]


def test_without_a_proposal_the_audit_names_none(people: People) -> None:
    promote(people.give("anna"), WEB, "staging")
    assert last_record(people.first).details["proposal"] == 0


# Who may promote


@pytest.mark.usefixtures("proposal")
def test_only_promoters_promote_whoever_has_approved(people: People) -> None:
    put_rules(people.first, RULES + "    promoters: [security, boss]")
    people.approve("bob", "cleo")
    for who in ("anna", "bob", "dora", "nobody"):
        asks = people.give(who)
        error = refused(asks, GateError, partial(promote, asks, WEB, "production"))
        assert error.message == (
            f"shop/web:2 cannot get to production: {who} is not in security or boss"
        )
    assert promote(people.give("cleo"), WEB, "production").assignment.who == "cleo"


@pytest.mark.usefixtures("proposal")
def test_what_follows_back_is_asked_nothing_else(people: People) -> None:
    follow = "    follow_back: staging\n  - {channel: staging, approvals: {}, promoters: [boss]}"
    put_rules(people.first, RULES + follow)
    people.approve("bob", "cleo")
    found = promote(people.give("anna"), WEB, "production")
    assert [each.channel for each in found.followed] == ["staging"]


# What has to be true of a version


def gate(people: People, gates: str) -> None:
    put_rules(people.first, f"channels: [{{channel: production, gates: {{{gates}}}}}]")


def against(people: People, name: str) -> str:
    anna = people.give("anna")
    return refused(anna, GateError, lambda: promote(anna, name, "production")).message


@pytest.mark.parametrize("severity", ["low", "medium", "high"])
def test_nothing_graver_than_the_worst_that_is_allowed_may_be_open(
    people: People, severity: str
) -> None:
    grades = ["low", "medium", "high", "critical"]
    add_holding(people.first, OLD_SSL)
    import_feed(people.first, tracker(severity=severity))
    for worst in grades:
        gate(people, f"worst: {worst}")
        if grades.index(worst) < grades.index(severity):
            said = f"CVE-2026-1 in openssl 3.0.9-1: nothing graver than {worst} may be open"
            assert said in against(people, "shop/web:3")
        else:
            promote(people.give("anna"), "shop/web:3", "production")
            promote(people.give("anna"), WEB, "production")


def test_a_severity_that_nobody_knows_is_too_grave(people: People) -> None:
    add_holding(people.first, OLD_SSL)
    import_feed(people.first, tracker(severity=""))
    gate(people, "worst: critical")
    assert "nothing graver than critical may be open" in against(people, "shop/web:3")
    assert promote(people.give("anna"), WEB, "production").changed


def test_what_is_known_to_be_exploited_may_be_open_unless_a_rule_says_otherwise(
    people: People,
) -> None:
    add_holding(people.first, OLD_SSL)
    gate(people, "exploited: false")
    promote(people.give("anna"), "shop/web:3", "production")
    promote(people.give("anna"), WEB, "production")
    import_feed(people.first, exploited())
    assert "CVE-2026-1 in openssl 3.0.9-1: known to be exploited" in against(people, "shop/web:3")
    gate(people, "worst: critical")
    assert promote(people.give("anna"), "shop/web:3", "production").changed


def test_what_somebody_has_cleared_is_not_open(people: People) -> None:
    add_holding(people.first, OLD_SSL)
    import_feed(people.first, exploited())
    gate(people, "worst: low, exploited: false")
    assert "vulnerabilities:" in against(people, "shop/web:3")
    import_feed(people.first, not_affected())
    assert promote(people.give("anna"), "shop/web:3", "production").changed


def test_what_is_not_known_may_be_in_it_unless_a_rule_says_otherwise(people: People) -> None:
    """Layers that were not scanned, and packages that no advisories were imported for."""
    add_holding(people.first, NEW_SSL, scanned=False)
    add_holding(people.first, NEW_SSL, FLASK)
    gate(people, "complete: true")
    for name in ("shop/web:3", "shop/web:4"):
        assert "no advisories were imported for what is in them" in against(people, name)
    assert promote(people.give("anna"), WEB, "production").changed
    gate(people, "worst: low")
    for name in ("shop/web:3", "shop/web:4"):
        assert promote(people.give("anna"), name, "production").changed


def test_all_gates_and_approvals_that_speak_against_it_are_said_at_once(people: People) -> None:
    add_holding(people.first, OLD_SSL, FLASK)
    import_feed(people.first, exploited())
    put_rules(
        people.first,
        """
        channels:
          - channel: production
            promoters: boss
            approvals: {}
            gates: {worst: low, exploited: false, complete: true}
        """,
    )
    lines = against(people, "shop/web:3").splitlines()
    assert [line.split(":")[0].strip() for line in lines[1::2]] == [
        *("promoters", "vulnerabilities", "exploited", "complete", "approvals"),
    ]
    assert lines[-2].endswith("approvals: 1 has to approve it, and nobody has proposed it")


def test_what_it_gains_and_loses_is_weighed_with_the_version_before(
    people: People, proposal: Proposal
) -> None:
    weighed = weigh(people.first, proposal)
    assert weighed.before
    assert weighed.evidence
    assert (weighed.proposal.version, weighed.before.number) == (2, 1)
    assert [each.name for each in weighed.evidence.lost] == ["CVE-2026-1"]
    assert (weighed.evidence.gained, weighed.evidence.findings) == ((), ())
    back = propose(people.give("anna"), "shop/web:1", "staging", "x")
    weighed = weigh(people.first, back)
    assert weighed.evidence
    assert (weighed.before, weighed.ballot, weighed.evidence.before) == (None, None, "")
    assert [each.name for each in weighed.evidence.gained] == ["CVE-2026-1"]
