"""A proposal is approved by so many others as its rule wants, for what is known of it now."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from versions import digest

from herdbook.channels.proposals import MOVES, Approval, Ballot, Proposal, ProposalState, open_for
from herdbook.channels.rules import Approvals
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SEEN, OTHER = digest("what is known"), digest("what was known")
PROPOSAL = Proposal(7, "shop/web", "production", 3, digest("web"), "anna", NOW, "invoices")
GROUPS = {
    "anna": {"operators"},
    "bob": {"operators", "sport"},
    "cleo": {"security"},
    "dora": {"sport"},
}
TERMS = Approvals(count=2, groups=("operators", "security"), valid="3d")


def approval(who: str = "bob", *, hours: float = 1, evidence: Digest = SEEN) -> Approval:
    """Return an approval that is so many hours old."""
    return Approval(7, who, NOW - timedelta(hours=hours), evidence)


def ballot(
    *approvals: Approval,
    terms: Approvals = TERMS,
    groups: Mapping[str, AbstractSet[str]] = GROUPS,
) -> Ballot:
    return Ballot(terms, PROPOSAL, approvals, SEEN, lambda who: groups.get(who, set()))


def voters(found: Sequence[Approval]) -> list[str]:
    return [each.who for each in found]


def test_so_many_others_have_to_approve() -> None:
    asked = [ballot(), ballot(approval("bob")), ballot(approval("bob"), approval("cleo"))]
    assert [each.missing(NOW) for each in asked] == [2, 1, 0]
    more = ballot(approval("bob"), approval("cleo"), terms=Approvals(count=1))
    assert (more.missing(NOW), voters(more.counting(NOW))) == (0, ["bob", "cleo"])


def test_nobody_approves_what_they_propose() -> None:
    own = approval("anna")
    assert ballot(own).void(own, NOW) == "nobody approves what they propose"
    assert ballot(own).missing(NOW) == 2
    assert ballot().why_not("anna", NOW) == "nobody approves what they propose"


def test_nobody_approves_twice() -> None:
    twice = ballot(approval("bob", hours=2), approval("bob", hours=1))
    assert (voters(twice.counting(NOW)), twice.missing(NOW)) == (["bob"], 1)
    assert twice.why_not("bob", NOW) == "bob has approved it"
    assert twice.why_not("cleo", NOW) == ""


def test_an_approval_of_other_evidence_is_void_and_can_be_given_again() -> None:
    stale = approval("bob", evidence=OTHER)
    assert ballot(stale).void(stale, NOW) == "what it rested on has changed"
    assert ballot(stale).missing(NOW) == 2
    assert ballot(stale).why_not("bob", NOW) == ""
    again = ballot(stale, approval("bob"))
    assert (voters(again.counting(NOW)), again.missing(NOW)) == (["bob"], 1)
    assert again.why_not("bob", NOW) == "bob has approved it"


def test_an_approval_holds_as_long_as_the_rule_says_and_can_be_given_again() -> None:
    old = approval("bob", hours=72)
    asked = ballot(old)
    just_before = NOW - timedelta(microseconds=1)
    assert (asked.void(old, just_before), asked.missing(just_before)) == ("", 1)
    assert asked.why_not("bob", just_before) == "bob has approved it"
    assert (asked.void(old, NOW), asked.missing(NOW)) == ("it is older than 3d", 2)
    assert asked.why_not("bob", NOW) == ""


def test_only_members_of_the_groups_count_and_any_one_group_is_enough() -> None:
    asked = ballot(*map(approval, ("bob", "cleo", "dora", "nobody")))
    assert voters(asked.counting(NOW)) == ["bob", "cleo"]
    assert asked.void(approval("dora"), NOW) == "dora is not in operators or security"
    assert asked.why_not("dora", NOW) == "dora is not in operators or security"
    assert asked.why_not("nobody", NOW) == "nobody is not in operators or security"


def test_without_groups_everybody_counts_also_who_is_in_none() -> None:
    asked = ballot(approval("dora"), approval("nobody"), terms=Approvals(count=2))
    assert asked.missing(NOW) == 0
    assert asked.why_not("somebody else", NOW) == ""


def test_who_leaves_the_group_does_not_count_any_more_and_back_again_does() -> None:
    groups = {"bob": {"operators"}}
    asked = ballot(approval("bob"), groups=groups)
    assert asked.missing(NOW) == 1
    groups["bob"] = {"sport"}
    assert asked.void(approval("bob"), NOW) == "bob is not in operators or security"
    assert asked.missing(NOW) == 2
    groups["bob"] = {"security"}
    assert asked.missing(NOW) == 1


# Whatever was said by whom


PEOPLE = ("anna", "bob", "cleo", "dora", "nobody")
APPROVALS = some.builds(
    approval,
    some.sampled_from(PEOPLE),
    hours=some.integers(0, 100),
    evidence=some.sampled_from([SEEN, OTHER]),
)
ANY_TERMS = some.builds(
    Approvals,
    count=some.integers(1, 4),
    groups=some.sampled_from([(), ("operators",), ("operators", "security")]),
    valid=some.sampled_from(["1h", "1d", "3d"]),
)


def good(each: Approval, terms: Approvals) -> bool:
    fresh = each.evidence == SEEN and NOW - each.at < terms.lasts
    member = not terms.groups or GROUPS.get(each.who, set()) & set(terms.groups)
    return each.who != "anna" and fresh and bool(member)


@given(given_=some.lists(APPROVALS, max_size=8), terms=ANY_TERMS)
def test_it_is_approved_by_as_many_people_as_gave_an_approval_that_holds(
    given_: list[Approval], terms: Approvals
) -> None:
    asked = ballot(*given_, terms=terms)
    people = {each.who for each in given_ if good(each, terms)}
    assert sorted(voters(asked.counting(NOW))) == sorted(people)
    assert asked.missing(NOW) == max(0, terms.count - len(people))
    assert all(bool(asked.void(each, NOW)) is not good(each, terms) for each in given_)


@given(given_=some.lists(APPROVALS, max_size=8), terms=ANY_TERMS, who=some.sampled_from(PEOPLE))
def test_whoever_can_approve_brings_it_nearer_and_whoever_cannot_does_not(
    given_: list[Approval], terms: Approvals, who: str
) -> None:
    before, after = (
        ballot(*each, terms=terms) for each in (given_, [*given_, approval(who, hours=0)])
    )
    gained = len(after.counting(NOW)) - len(before.counting(NOW))
    assert gained == (0 if before.why_not(who, NOW) else 1)
    assert after.why_not(who, NOW)


# States


@pytest.mark.parametrize("ended", [ProposalState.PROMOTED, ProposalState.REJECTED])
def test_an_open_proposal_ends_once(ended: ProposalState) -> None:
    over = PROPOSAL.ended(ended, "bob", NOW, "looked")
    assert over == replace(PROPOSAL, state=ended, ended_at=NOW, ended_by="bob", said="looked")
    for state in ProposalState:
        with pytest.raises(ConflictError, match=f"Proposal 7 is {ended}: it cannot be {state}"):
            over.ended(state, "bob", NOW)


def test_no_proposal_is_opened_again_and_every_state_is_known() -> None:
    assert set(MOVES) == set(ProposalState)
    assert not any(ProposalState.OPEN in states for states in MOVES.values())
    with pytest.raises(ConflictError) as caught:
        PROPOSAL.ended(ProposalState.OPEN, "bob", NOW)
    assert "herdbook proposal ls" in caught.value.hint


@pytest.mark.parametrize(
    "other",
    [
        replace(PROPOSAL, number=9, image="shop/db"),
        replace(PROPOSAL, number=9, version=4),
        replace(PROPOSAL, number=9, channel="staging"),
        replace(PROPOSAL, number=9, state=ProposalState.REJECTED),
        replace(PROPOSAL, number=9, state=ProposalState.PROMOTED),
    ],
    ids=["image", "version", "channel", "rejected", "promoted"],
)
def test_the_open_proposal_of_a_version_for_a_channel_is_found(other: Proposal) -> None:
    assert open_for([other], ("shop/web", 3), "production") is None
    assert open_for([other, PROPOSAL, other], ("shop/web", 3), "production") is PROPOSAL


def test_of_several_the_newest_is_meant() -> None:
    newer = replace(PROPOSAL, number=8)
    for order in ([PROPOSAL, newer], [newer, PROPOSAL]):
        assert open_for(order, PROPOSAL.wanted, "production") is newer
