"""All that speaks against a promotion is told at once, with what would help; else nothing is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from herdbook.channels.deciding import Facts, followers, objections
from herdbook.channels.evidence import Evidence, Finding
from herdbook.channels.gate_rules import Gates
from herdbook.channels.model import Assignment, Hold, Level, Made, Revocation, check_channel
from herdbook.channels.objections import Objection
from herdbook.channels.proposals import Approval, Ballot, Proposal
from herdbook.channels.rules import Approvals, ChannelRule, Freeze, Hours
from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)  # a Monday
MADE = ("shop/web", 3)
FREE = ChannelRule(channel="production")
HOLD = Hold("shop/web", "production", NOW, "ann", "we look into it")
REVOKED = Revocation("shop/web", 3, NOW, "bob", "it leaks", {Level.RELEASES: NOW})


def assignment(version: int = 3, image: str = "shop/web", channel: str = "staging") -> Assignment:
    return Assignment(image, channel, 1, version, EMPTY, NOW, "ann")


def gates(rule: ChannelRule, facts: Facts, now: datetime = NOW) -> list[str]:
    return [each.gate for each in objections(rule, facts, now)]


def facts(
    *upstream: Assignment, hold: Hold | None = None, revoked: Revocation | None = None
) -> Facts:
    return Facts(MADE, {"staging": upstream, "canary": ()}, hold, revoked)


REBUILT = ChannelRule(channel="production", rebuilt=True)
SENT = Proposal(7, "shop/web", "production", 3, EMPTY, "ann", NOW, "why", sources=EMPTY)


@pytest.mark.parametrize(
    ("proposal", "remedy"),
    [
        (None, "First: herdbook propose shop/web:3 production --why TEXT"),
        (SENT, "Once it is approved: herdbook proposal rebuild 7"),
        (
            replace(SENT, rebuilt=4),
            "That is another version: herdbook promote shop/web:4 production",
        ),
    ],
    ids=["not proposed", "not rebuilt", "another"],
)
def test_what_was_not_rebuilt_gets_nowhere_and_it_is_said_what_to_do(
    proposal: Proposal | None, remedy: str
) -> None:
    """Whatever the register says of proposals: the version's own provenance counts."""
    [found] = objections(REBUILT, replace(facts(), proposal=proposal), NOW)
    assert (found.gate, found.remedy) == ("rebuilt", remedy)
    assert objections(REBUILT, replace(facts(), proposal=proposal, rebuilt=True), NOW) == []
    assert objections(FREE, replace(facts(), proposal=proposal), NOW) == []


FROM = ChannelRule.model_validate({"channel": "production", "from": ["staging", "canary"]})


def test_without_rules_nothing_speaks_against_it() -> None:
    assert objections(FREE, Facts(MADE, {}), NOW) == []


def test_a_revoked_version_goes_nowhere() -> None:
    [found] = objections(FREE, facts(revoked=REVOKED), NOW)
    assert (found.gate, found.words) == ("revocation", "shop/web:3 is revoked: it leaks")
    assert "herdbook reinstate shop/web:3" in found.remedy


def test_what_is_made_from_a_revoked_version_goes_nowhere_and_that_is_to_be_reinstated() -> None:
    base = Revocation("base", 7, NOW, "bob", "it leaks", {Level.RELEASES: NOW})
    [found] = objections(FREE, facts(revoked=base), NOW)
    assert found.words == "shop/web:3 is made from base:7, which is revoked: it leaks"
    assert "herdbook reinstate base:7" in found.remedy


def test_a_held_channel_stays_and_it_is_said_by_whom_and_why() -> None:
    [found] = objections(FREE, facts(hold=HOLD), NOW)
    assert found.gate == "hold"
    assert found.words == "production is held by ann since 2026-01-05 12:00: we look into it"
    assert "herdbook release-hold shop/web@production" in found.remedy


@pytest.mark.parametrize(
    "had", [(), (assignment(2),), (assignment(image="shop/db"),)], ids=["nothing", "other", "image"]
)
def test_a_version_comes_from_where_it_has_to(had: tuple[Assignment, ...]) -> None:
    [found] = objections(FROM, facts(*had), NOW)
    assert (found.gate, found.words) == (
        *("from", "shop/web:3 has never been in staging or canary"),
    )
    assert found.remedy == "First: herdbook promote shop/web:3 staging"


def test_it_may_have_been_there_long_ago_and_in_any_one_of_them() -> None:
    assert gates(FROM, facts(assignment(5), assignment(4), assignment(3))) == []
    only_canary = Facts(MADE, {"staging": (assignment(2),), "canary": (assignment(3),)})
    assert gates(FROM, only_canary) == []


def test_what_has_not_served_for_long_enough_waits() -> None:
    rule = ChannelRule.model_validate({"channel": "production", "soak": "24h"})
    almost = replace(facts(), served=timedelta(hours=23, minutes=59))
    [found] = objections(rule, almost, NOW)
    assert found.gate == "soak"
    assert found.words == "shop/web:3 has served for 23.9 h, and has to for 24h"
    assert objections(rule, replace(facts(), served=timedelta(hours=24)), NOW) == []
    assert objections(FREE, facts(), NOW) == []


def test_out_of_hours_nothing_is_moved() -> None:
    rule = ChannelRule(channel="production", hours=Hours(begin="09:00", end="12:00"))
    [found] = objections(rule, facts(), NOW)
    assert found.gate == "hours"
    assert found.words == "production is moved on 09:00 to 12:00 (UTC) only"
    assert found.remedy
    assert gates(rule, facts(), NOW - timedelta(seconds=1)) == []


def test_while_it_is_frozen_nothing_is_moved() -> None:
    freezes = (
        Freeze(begin="2026-01-01", end="2026-01-05 12:00"),
        Freeze(begin="2026-01-05 12:00", end="2026-01-06", reason="the audit"),
        Freeze(begin="2026-01-05", end="2026-01-07"),
    )
    rule = ChannelRule(channel="production", freezes=freezes)
    assert [each.words for each in objections(rule, facts(), NOW)] == [
        "production is frozen until 2026-01-06: the audit",
        "production is frozen until 2026-01-07",
    ]
    assert gates(rule, facts(), NOW) == ["freeze", "freeze"]
    assert gates(rule, facts(), NOW + timedelta(days=2)) == []


# Who, and what is known of it

PROMOTED_BY = ChannelRule(channel="production", promoters=("operators", "boss"))
PROPOSAL = Proposal(7, "shop/web", "production", 3, EMPTY, "anna", NOW, "invoices")


@pytest.mark.parametrize("groups", [{"boss"}, {"sport", "operators"}])
def test_members_of_one_of_the_groups_promote(groups: set[str]) -> None:
    assert objections(PROMOTED_BY, Facts(MADE, {}, who="anna", groups=groups), NOW) == []


@pytest.mark.parametrize("groups", [set(), {"sport"}, {"operator"}])
def test_others_do_not_and_are_told_whom_to_ask(groups: set[str]) -> None:
    [found] = objections(PROMOTED_BY, Facts(MADE, {}, who="anna", groups=groups), NOW)
    assert found == Objection("promoters", "anna is not in operators or boss", "Ask one of them.")


def finding(name: str, severity: str = "", *, exploited: bool = False) -> Finding:
    return Finding(
        name=name, component="openssl 3.0.9-1", severity=severity, exploited=exploited, fixed=""
    )


def known(*findings: Finding, all_known: bool = True, **gate: object) -> list[Objection]:
    """Return what gates say of a version of which so much is known."""
    rule = ChannelRule(channel="production", gates=Gates.model_validate(gate))
    evidence = Evidence(
        version=EMPTY,
        before="",
        rule=rule,
        findings=findings,
        gained=findings,
        lost=(),
        complete=all_known,
    )
    return objections(rule, Facts(MADE, {}, evidence=evidence), NOW)


LOW, HIGH, UNKNOWN = finding("CVE-1", "low"), finding("CVE-2", "high"), finding("CVE-3")
EXPLOITED = finding("CVE-4", "low", exploited=True)
LOOK = "See them: herdbook vulnerabilities shop/web:3"


def test_without_gates_whatever_is_known_or_not_may_be_in_it() -> None:
    assert known(LOW, HIGH, UNKNOWN, EXPLOITED, all_known=False) == []


def test_what_is_graver_than_allowed_is_named_and_where_to_look() -> None:
    assert known(LOW, HIGH, UNKNOWN, worst="medium") == [
        Objection(
            "vulnerabilities",
            "CVE-2 in openssl 3.0.9-1, CVE-3 in openssl 3.0.9-1: nothing graver than medium may "
            "be open",
            LOOK,
        )
    ]
    assert known(LOW, HIGH, worst="high") == []


def test_of_many_three_are_named_and_how_many_there_are_more() -> None:
    many = [finding(f"CVE-{number}", "high") for number in range(1, 6)]
    for count, end in ((3, ""), (4, " and 1 more"), (5, " and 2 more")):
        [found] = known(*many[:count], worst="low")
        named = ", ".join(f"{each.name} in openssl 3.0.9-1" for each in many[:3])
        assert found.words == f"{named}{end}: nothing graver than low may be open"


def test_what_is_exploited_is_named_where_that_must_not_be() -> None:
    assert known(HIGH, EXPLOITED, exploited=False) == [
        Objection("exploited", "CVE-4 in openssl 3.0.9-1: known to be exploited", LOOK)
    ]
    assert known(HIGH, EXPLOITED, exploited=True) == []


def test_what_is_not_known_is_named_where_all_has_to_be() -> None:
    [found] = known(all_known=False, complete=True)
    assert known(all_known=True, complete=True) == []
    assert found.gate == "complete"
    assert "herdbook vulnerabilities shop/web:3" in found.remedy


def approved_by(*people: str, count: int = 2) -> list[Objection]:
    """Return what speaks against it where so many have to approve, and these did."""
    rule = ChannelRule(channel="production", approvals=Approvals(count=count))
    approvals = [Approval(7, who, NOW, EMPTY) for who in people]
    assert rule.approvals
    ballot = Ballot(rule.approvals, PROPOSAL, approvals, EMPTY, lambda _: set())
    return objections(rule, Facts(MADE, {}, proposal=PROPOSAL, ballot=ballot), NOW)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 has to approve it, and nobody has proposed it"),
        (2, "2 have to approve it, and nobody has proposed it"),
    ],
)
def test_what_nobody_has_proposed_is_to_be_proposed_first(count: int, words: str) -> None:
    rule = ChannelRule(channel="production", approvals=Approvals(count=count))
    again = "First: herdbook propose shop/web:3 production --why TEXT"
    assert objections(rule, Facts(MADE, {}), NOW) == [Objection("approvals", words, again)]


@pytest.mark.parametrize(
    ("people", "words"),
    [
        ((), "2 more have to approve proposal 7"),
        (("anna",), "2 more have to approve proposal 7"),
        (("bob",), "1 more has to approve proposal 7"),
        (("bob", "bob"), "1 more has to approve proposal 7"),
    ],
)
def test_until_enough_have_approved_it_is_said_how_many_are_missing(
    people: tuple[str, ...], words: str
) -> None:
    again = "See who and why: herdbook proposal show 7"
    assert approved_by(*people) == [Objection("approvals", words, again)]


def test_once_enough_have_approved_nothing_speaks_against_it() -> None:
    assert approved_by("bob", "cleo") == []
    assert approved_by("bob", "cleo", "dora") == []


def test_a_proposal_where_nobody_has_to_approve_speaks_neither_for_nor_against() -> None:
    assert objections(FREE, Facts(MADE, {}, proposal=PROPOSAL), NOW) == []
    assert gates(FROM, Facts(MADE, {}, proposal=PROPOSAL)) == ["from"]


def test_all_that_speaks_against_it_is_told_at_once() -> None:
    hours, freeze = Hours(days=("sun",)), Freeze(begin="2026-01-01", end="2026-02-01")
    wanted = Gates(worst="low", exploited=False, complete=True)
    more = {"promoters": ("boss",), "approvals": Approvals(), "gates": wanted}
    rule = FROM.model_copy(update={"hours": hours, "freezes": (freeze,), **more})
    findings = (HIGH, EXPLOITED)
    evidence = Evidence(
        version=EMPTY, before="", rule=rule, findings=findings, gained=(), lost=(), complete=False
    )
    found = objections(rule, replace(facts(hold=HOLD, revoked=REVOKED), evidence=evidence), NOW)
    assert [each.gate for each in found] == [
        *("revocation", "hold", "from", "promoters", "vulnerabilities", "exploited", "complete"),
        *("approvals", "hours", "freeze"),
    ]
    assert all(each.words and each.remedy for each in found)


BACK = ChannelRule(channel="production", follow_back=("staging", "dev"))
NONE: dict[str, Hold | None] = {}


def following(present: dict[str, Assignment | None], held: dict[str, Hold | None]) -> list[str]:
    made: Made = MADE
    return followers(BACK, made, present, held)


def test_channels_follow_back_in_their_order_also_such_as_are_new() -> None:
    assert following({}, NONE) == ["staging", "dev"]
    assert following({"staging": assignment(2), "dev": None}, NONE) == ["staging", "dev"]


def test_those_that_have_it_do_not_follow_again() -> None:
    assert following({"staging": assignment(3), "dev": assignment(4)}, NONE) == ["dev"]


def test_those_that_are_held_do_not_follow() -> None:
    held: dict[str, Hold | None] = {"staging": HOLD, "dev": None, "production": HOLD}
    assert following({"staging": assignment(2)}, held) == ["dev"]


def test_without_such_a_rule_none_follow() -> None:
    assert followers(FREE, MADE, {"staging": assignment(2)}, {}) == []


@pytest.mark.parametrize("name", ["dev", "2026-q1", "a.b_c-d", "a" * 63])
def test_these_are_names_of_channels(name: str) -> None:
    assert check_channel(name) == name


@pytest.mark.parametrize(
    "name", ["", "Dev", ".a", "-a", "a b", "a@b", "a/b", "2026", "dev\n", "a" * 64]
)
def test_these_are_not(name: str) -> None:
    with pytest.raises(InvalidInputError):
        check_channel(name)
