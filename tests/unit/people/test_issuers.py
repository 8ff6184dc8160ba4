"""Addresses, names and conditions of issuers: what can be meant, and what cannot."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.people.id_tokens import is_like_an_id_token, issuer_in
from herdbook.people.issuers import (
    ClaimMapping,
    Condition,
    checked_issuer_name,
    checked_url,
    is_safe,
    read_condition,
)
from herdbook.people.model import Subject, SubjectKind, is_foreign_name, read_subject, subject_of
from herdbook.people.passwords import hashed


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example", "https://id.example/", "https://id.example:8443/realms/a%20b",
        "https://[2001:db8::1]:8443/x", "http://localhost:8080/realms/x", "http://127.0.0.1:1",
        "http://[::1]:1/x", "https://login.example/tenant-1/v2.0",
    ],
)  # fmt: skip
def test_addresses_of_providers_come_by_tls_or_from_this_machine(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "", "id.example", "http://id.example", "http://localhost.evil.example/", "ftp://id.example",
        "https://", "https:///x", "https://user@id.example", "http://localhost@evil.example/",
        "https://id.example/?a", "https://id.example#a", "https://id.example/a b", "https://ïd.example",
        "https://id.example\\@evil", "https://id.example/\n", "https://id.example:port", "HTTPS://a",
        f"https://id.example/{'x' * 600}", "http://127.0.0.1.evil.example",
        "https://[:::::]/x", "https://[1.2]/", "https://id.example:65536", "https://id.example:0",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    assert not is_safe(url)
    with pytest.raises(InvalidInputError):
        checked_url(url)


@pytest.mark.parametrize("name", ["corp", "github", "a", "gitlab-2", "x" * 20])
def test_issuers_have_short_names(name: str) -> None:
    assert checked_issuer_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "user", "group", "robot", "Corp", "1a", "a:b", "a b", "x" * 21, "a\n", "-a"]
)
def test_no_issuer_is_called_like_something_else(name: str) -> None:
    with pytest.raises(InvalidInputError):
        checked_issuer_name(name)


def test_a_condition_is_a_claim_and_what_it_says_exactly() -> None:
    condition = read_condition("sub=repo:acme/shop:environment:a=b")
    assert condition == Condition("sub", "repo:acme/shop:environment:a=b")
    assert str(condition) == "sub=repo:acme/shop:environment:a=b"
    for wrong in ("", "sub", "sub=", "=x", "a b=c", f"sub={'x' * 600}"):
        with pytest.raises(InvalidInputError, match="no condition"):
            read_condition(wrong)


@pytest.mark.parametrize("claim", ["iss", "aud", "azp", "exp", "nbf", "iat", "jti"])
def test_what_is_said_of_all_tokens_is_no_condition(claim: str) -> None:
    with pytest.raises(InvalidInputError, match="says nothing of who"):
        read_condition(f"{claim}=x")


@pytest.mark.parametrize(
    ("condition", "said", "holds"),
    [
        ("ref=main", "main", True),
        ("ref=main", "main2", False),
        ("ref=main", "Main", False),
        ("ref=main", ["other", "main"], True),
        ("ref=main", ["mainly"], False),
        ("ref=main", None, False),
        ("ref=None", None, False),
        ("ref=*", "main", False),
        ("ref=main", {"main": 1}, False),
        ("protected=true", True, True),
        ("protected=true", "true", True),
        ("protected=1", True, False),
        ("number=5", 5, True),
        ("number=5", 5.0, False),
        ("ref=main", [["main"]], False),
    ],
)
def test_a_condition_holds_for_what_is_said_exactly(
    condition: str, said: object, *, holds: bool
) -> None:
    assert (
        read_condition(condition).holds({"ref": said, "protected": said, "number": said}) == holds
    )


@pytest.mark.parametrize("verified", [True, "true", False, None, "yes", 1])
def test_an_address_of_mail_counts_once_it_is_verified(verified: object) -> None:
    """Else whoever enters somebody else's address at a provider would be them."""
    claims = {"email": "anna@acme.example", "email_verified": verified}
    holds = read_condition("email=anna@acme.example").holds(claims)
    assert holds is (verified is True or verified == "true")


def test_without_conditions_nothing_fits() -> None:
    ci = Subject(SubjectKind.ROBOT, "ci")
    assert not ClaimMapping(ci, ()).fits({"sub": "x"})
    both = ClaimMapping(ci, (Condition("sub", "x"), Condition("ref", "main")))
    assert both.fits({"sub": "x", "ref": "main"})
    assert not both.fits({"sub": "x"})


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("user:corp:anna", "corp:anna"),
        ("user:corp:anna@acme.example", "corp:anna@acme.example"),
        ("user:corp:auth0|123", "corp:auth0|123"),
        ("group:corp:/ops/team", "group:corp:/ops/team"),
    ],
)
def test_people_and_groups_of_issuers_are_subjects_of_their_own(text: str, actor: str) -> None:
    subject = read_subject(text)
    assert subject.is_foreign
    assert (str(subject), subject.actor) == (text, actor)
    if subject.kind is SubjectKind.USER:
        assert subject_of(actor) == subject


@pytest.mark.parametrize(
    "text",
    ["robot:corp:ci", "user:Corp:anna", "user:corp:", "user:corp:a:b", "user::anna", "user:a b"],
)
def test_what_is_nobody_s_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        read_subject(text)


def test_nobody_of_this_machine_is_somebody_of_an_issuer() -> None:
    for actor in ("anna", "anna@corp", "user 1000", "ACME\\anna", "robot:ci"):
        assert not subject_of(actor).is_foreign
        assert not is_foreign_name(actor)


def test_an_id_token_is_told_by_its_form() -> None:
    payload = "eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlIn0"  # {"iss": "https://id.example"}
    token = f"eyJhbGciOiJSUzI1NiJ9.{payload}.AAAA"
    assert is_like_an_id_token(token)
    assert is_like_an_id_token(f"eyJhbGciOiJSUzI1NiJ9.{payload}.")
    assert issuer_in(token) == "https://id.example"
    for other in ("", "hbt_x", "correct horse battery", "eyJ", "eyJ.a", "eyJ.a.b.c", f" {token}"):
        assert not is_like_an_id_token(other)
        assert issuer_in(other) == ""
    for none in ("W10", "bnVsbA", "eyJpc3MiOiA1fQ", "!!", "eyJ", "W" * 20_000):
        assert issuer_in(f"eyJhbGciOiJSUzI1NiJ9.{none}.AAAA") == ""


def test_a_password_does_not_look_like_an_id_token() -> None:
    with pytest.raises(InvalidInputError, match="looks like a token"):
        hashed("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiAx.AAAA")
