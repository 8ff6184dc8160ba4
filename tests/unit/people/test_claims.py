"""Who somebody is by what an issuer says of them: never more than an admin said here."""

from datetime import UTC, datetime
from typing import Any

import pytest

from herdbook.core.errors import ForbiddenError
from herdbook.people.claims import claimed_by
from herdbook.people.issuers import ClaimMapping, Condition, Issuer
from herdbook.people.model import Subject, read_subject

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CI, DEPLOY, ANNA = map(read_subject, ("robot:shop-ci", "robot:deploy", "user:anna"))
MAIN = {"sub": "repo:acme/shop:ref:refs/heads/main", "repository": "acme/shop"}
CLAIMS = {"iss": "https://id.example", "sub": "248289761001", "aud": "herdbook"}


def issuer(*mappings: tuple[Subject, str], **changed: Any) -> Issuer:
    made = tuple(
        ClaimMapping(subject, tuple(Condition(*each.split("=", 1)) for each in when.split()))
        for subject, when in mappings
    )
    usual = {"client_id": "herdbook", "audience": "robots", "name_claim": "name"}
    return Issuer("corp", CLAIMS["iss"], NOW, "root", **{**usual, **changed}, mappings=made)


def refused(found: Issuer, words: str, **claims: Any) -> None:
    with pytest.raises(ForbiddenError, match=words) as caught:
        claimed_by(found, {**CLAIMS, **claims})
    assert caught.value.hint


# Robots


def test_a_robot_is_whose_token_meets_the_condition() -> None:
    found = claimed_by(issuer((CI, f"sub={MAIN['sub']}")), {**CLAIMS, **MAIN, "aud": "robots"})
    assert (found.subject, found.called, found.mapped) == (CI, MAIN["sub"], True)
    assert found.groups == frozenset()


@pytest.mark.parametrize(
    "sub",
    [
        "repo:acme/shop:ref:refs/heads/main2", "repo:acme/shop:pull_request", "repo:evil/shop",
        "repo:acme/shop:ref:refs/heads/main ",
    ],
)  # fmt: skip
def test_without_its_condition_nobody_is_a_robot(sub: str) -> None:
    refused(issuer((CI, f"sub={MAIN['sub']}")), "No condition", sub=sub, aud="robots")


def test_the_issuer_alone_says_nothing_of_a_robot() -> None:
    refused(issuer(), "No condition for tokens of corp holds", **MAIN, aud="robots")
    refused(issuer(client_id=""), "No condition", **MAIN, aud="robots")


def test_all_of_its_conditions_have_to_hold() -> None:
    found = issuer((CI, "repository=acme/shop environment=production"))
    refused(found, "No condition", **MAIN, aud="robots")
    assert claimed_by(found, {**CLAIMS, **MAIN, "environment": "production"}).subject == CI


def test_nobody_is_two() -> None:
    found = issuer((CI, "repository=acme/shop"), (DEPLOY, f"sub={MAIN['sub']}"))
    refused(found, "robot:deploy and robot:shop-ci", **MAIN)
    twice = issuer((CI, "repository=acme/shop"), (CI, f"sub={MAIN['sub']}"))
    assert claimed_by(twice, {**CLAIMS, **MAIN}).subject == CI


def test_a_user_of_ours_is_whom_an_admin_said_and_brings_no_groups_along() -> None:
    found = issuer((ANNA, "sub=248289761001"), groups_claim="groups")
    told = claimed_by(found, {**CLAIMS, "groups": ["ops"]})
    assert (told.subject, told.mapped, told.groups) == (ANNA, True, frozenset())


# People


def test_somebody_of_an_issuer_is_nobody_of_ours() -> None:
    found = claimed_by(issuer(), {**CLAIMS, "name": "anna"})
    assert str(found.subject) == "user:corp:anna"
    assert found.subject.actor == "corp:anna"
    assert (found.called, found.mapped) == ("248289761001", False)


def test_people_are_called_by_what_never_changes_unless_somebody_says_otherwise() -> None:
    found = claimed_by(issuer(name_claim="sub"), {**CLAIMS, "name": "anna"})
    assert found.subject.actor == "corp:248289761001"


@pytest.mark.parametrize(
    "name", [None, "", 5, ["anna"], "a b", "root:x", "anna\n", "ännä", "x" * 65, "robot:ci", "-a"]
)
def test_what_can_be_no_name_is_none(name: object) -> None:
    refused(issuer(), "gives nobody a name by name", name=name)


@pytest.mark.parametrize("verified", [None, False, "no", 0])
def test_an_address_of_mail_is_a_name_once_it_is_verified(verified: object) -> None:
    found = issuer(name_claim="email")
    refused(found, "not verified", email="anna@acme.example", email_verified=verified)
    told = claimed_by(found, {**CLAIMS, "email": "anna@acme.example", "email_verified": True})
    assert told.subject.actor == "corp:anna@acme.example"


def test_groups_are_the_issuer_s_own_and_never_ours() -> None:
    found = issuer(groups_claim="groups")
    said = ["ops", "root", "/team/a", "a b", "a:b", "", 5, None, {"x": 1}, "robot:ci", "x" * 65]
    told = claimed_by(found, {**CLAIMS, "name": "anna", "groups": said})
    assert told.groups == {"corp:ops", "corp:root", "corp:/team/a"}
    assert claimed_by(found, {**CLAIMS, "name": "a", "groups": "ops"}).groups == {"corp:ops"}
    assert claimed_by(issuer(), {**CLAIMS, "name": "a", "groups": ["ops"]}).groups == frozenset()


def test_the_token_is_for_our_client_and_not_for_another_party_s() -> None:
    for aud in ("other", ["other"], None, "robots", {"herdbook": 1}):
        refused(issuer(), "No condition", name="anna", aud=aud)
    refused(issuer(), "another client", name="anna", azp="other")
    refused(issuer(), "another client", name="anna", aud=["herdbook", "other"])
    refused(issuer(), "another client", name="anna", aud=["herdbook", "other"], azp="other")
    both = {**CLAIMS, "name": "anna", "aud": ["herdbook", "other"], "azp": "herdbook"}
    assert claimed_by(issuer(), both).subject.actor == "corp:anna"


def test_nobody_is_a_person_where_there_is_no_client_for_people() -> None:
    refused(issuer(client_id=""), "No condition", name="anna")
    refused(issuer(client_id=""), "No condition", name="anna", aud="")


def test_what_is_required_of_all_people_is() -> None:
    found = issuer(required=(Condition("hd", "acme.example"), Condition("groups", "staff")))
    refused(found, "does not say hd=acme.example", name="anna", groups=["staff"])
    refused(found, "does not say groups=staff", name="anna", hd="acme.example", groups=["guests"])
    told = {**CLAIMS, "name": "anna", "hd": "acme.example", "groups": ["staff"]}
    assert claimed_by(found, told).subject.actor == "corp:anna"


def test_what_somebody_else_wrote_is_shown_harmless_and_short() -> None:
    with pytest.raises(ForbiddenError) as caught:
        claimed_by(issuer(), {**CLAIMS, "aud": "robots", "sub": "\x1b[2J\n" + "x" * 5000})
    assert len(caught.value.message) < 300
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("sub", ["", "x" * 1001])
def test_whom_the_issuer_calls_nothing_is_nobody(sub: str) -> None:
    refused(issuer(), "no name", sub=sub, name="anna")


@pytest.mark.parametrize("sub", ["a\0b", "a\nb", "\ud800", "\u202eanna"])
def test_what_cannot_be_written_or_shown_is_nobody(sub: str) -> None:
    refused(issuer(), "what is no name", sub=sub, name="anna")
