"""The promises of the port People, proven on every kind of database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from older_schemas import at_revision
from sqlalchemy import Engine

from herdbook.audit.chain import Entry, verify
from herdbook.core.errors import ConflictError
from herdbook.people.issuers import ClaimMapping, Condition, Issuer, Person
from herdbook.people.model import Grant, Role, Standing, Token, User, read_subject
from herdbook.people.ports import People
from herdbook.people.tokens import new_token
from herdbook.store import fleet_schema, gate_schema, people_schema, schema
from herdbook.store.audit import SqlAudit
from herdbook.store.database import open_database
from herdbook.store.people import SqlPeople

NOW = datetime(2026, 11, 1, 12, 0, 0, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
ENTRY = Entry(who="root", verb="try", subject="something", details={"why": "because"})
ANNA, BOB, CI = map(read_subject, ("user:anna", "user:bob", "robot:ci"))
ROOT = Grant(read_subject("user:root"), Role.ADMIN, "*", NOW, "root")
OPERATOR = Grant(ANNA, Role.OPERATOR, "shop/*", NOW, "root")
USER = User("anna", NOW, "root", "$argon2id$Ö")


@pytest.fixture
def audit(engine: Engine, tmp_path: Path) -> SqlAudit:
    return SqlAudit(engine, tmp_path / "audit.key")


@pytest.fixture
def people(engine: Engine, audit: SqlAudit) -> People:
    return SqlPeople(engine, audit)


def token(name: str = "ci", role: Role | None = Role.BUILDER, at: datetime = NOW) -> Token:
    made = new_token()
    return Token(made.id, name, CI, "shop/*", role, made.digest, at, "root", LATER)


def written(audit: SqlAudit) -> int:
    """How many records there are, all as they were written."""
    return verify(audit.records(), audit.head()).number


def test_nothing_is_there_at_first(people: People) -> None:
    assert people.standing() == Standing()
    assert [*people.users(), *people.members(), *people.tokens()] == []
    assert people.user("anna") is None
    assert people.token("") is None
    assert people.groups_of(ANNA) == frozenset()


# Grants


def test_grants_are_found_as_they_were_kept_with_their_records(
    people: People, audit: SqlAudit
) -> None:
    elsewhere = replace(OPERATOR, at=NOW.astimezone(ELSEWHERE))
    people.grant([ROOT, elsewhere], [ENTRY, ENTRY], NOW)
    assert people.standing().grants == (OPERATOR, ROOT)
    assert written(audit) == 2


def test_what_was_granted_before_stays_as_it_was(people: People) -> None:
    people.grant([ROOT], [ENTRY], NOW)
    people.grant([replace(ROOT, at=LATER, who="bob")], [ENTRY], LATER)
    assert people.standing().grants == (ROOT,)


def test_roles_begin_with_an_admin_or_not_at_all(people: People, audit: SqlAudit) -> None:
    with pytest.raises(ConflictError, match="no person"):
        people.grant([OPERATOR], [ENTRY], NOW)
    assert people.standing() == Standing()
    assert written(audit) == 0


def test_a_grant_is_withdrawn_once(people: People, audit: SqlAudit) -> None:
    people.grant([ROOT, OPERATOR], [ENTRY], NOW)
    assert not people.withdraw(replace(OPERATOR, images="*"), ENTRY, NOW)
    assert people.withdraw(replace(OPERATOR, at=LATER, who=""), ENTRY, LATER)
    assert not people.withdraw(OPERATOR, ENTRY, LATER)
    assert people.standing().grants == (ROOT,)
    assert written(audit) == 2


def test_the_last_admin_stays(people: People, audit: SqlAudit) -> None:
    other = replace(ROOT, subject=ANNA)
    people.grant([ROOT, OPERATOR, other], [ENTRY], NOW)
    people.add_user(USER, ENTRY)
    assert people.withdraw(ROOT, ENTRY, NOW)
    with pytest.raises(ConflictError, match="no person"):
        people.withdraw(other, ENTRY, NOW)
    with pytest.raises(ConflictError, match="no person"):
        people.change_user(replace(USER, disabled=True), ENTRY, NOW)
    assert people.standing() == Standing((other, OPERATOR))
    assert people.user("anna") == USER
    assert written(audit) == 3


def test_not_even_the_only_grant_is_taken_away(people: People) -> None:
    people.grant([ROOT], [ENTRY], NOW)
    with pytest.raises(ConflictError, match="last grant"):
        people.withdraw(ROOT, ENTRY, NOW)
    assert people.standing().grants == (ROOT,)


def test_of_two_admins_who_withdraw_each_other_at_once_one_stays(people: People) -> None:
    grants = [ROOT, replace(ROOT, subject=ANNA)]
    people.grant(grants, [ENTRY], NOW)
    barrier = Barrier(2)

    def withdraw(grant: Grant) -> bool:
        barrier.wait()
        try:
            return people.withdraw(grant, ENTRY, NOW)
        except ConflictError:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(withdraw, grants)) == [False, True]
    assert len(people.standing().grants) == 1


# Users and groups


def test_a_user_is_found_as_they_were_kept_once(people: People, audit: SqlAudit) -> None:
    people.add_user(replace(USER, at=NOW.astimezone(ELSEWHERE)), ENTRY)
    people.add_user(replace(USER, name="Anna"), ENTRY)
    assert people.user("anna") == USER
    assert {each.name for each in people.users()} == {"Anna", "anna"}
    with pytest.raises(ConflictError, match="user anna already"):
        people.add_user(replace(USER, password="x"), ENTRY)  # noqa: S106 - of nobody
    assert people.user("anna") == USER
    assert "argon2" not in repr(USER)
    assert written(audit) == 2


def test_a_user_gets_another_password_and_is_disabled(people: People, audit: SqlAudit) -> None:
    changed = replace(USER, password="$argon2id$2", disabled=True)  # noqa: S106 - of nobody
    assert not people.change_user(changed, ENTRY, NOW)
    people.add_user(USER, ENTRY)
    assert people.change_user(changed, ENTRY, LATER)
    assert people.user("anna") == changed
    assert people.standing().disabled == {"anna"}
    assert written(audit) == 2


def test_groups_are_who_is_in_them(people: People, audit: SqlAudit) -> None:
    assert people.join("ops", BOB, ENTRY, NOW)
    assert people.join("ops", CI, ENTRY, NOW)
    assert people.join("art", BOB, ENTRY, NOW)
    assert not people.join("ops", BOB, ENTRY, NOW)
    assert people.members() == [("art", BOB), ("ops", CI), ("ops", BOB)]
    assert people.groups_of(BOB) == {"art", "ops"}
    assert people.leave("ops", BOB, ENTRY, NOW)
    assert not people.leave("ops", BOB, ENTRY, NOW)
    assert people.groups_of(BOB) == {"art"}
    assert written(audit) == 4


# Tokens


@pytest.mark.parametrize("role", [None, *Role])
def test_a_token_is_found_as_it_was_kept(people: People, role: Role | None) -> None:
    kept = token(role=role)
    people.add_token(replace(kept, at=NOW.astimezone(ELSEWHERE)), ENTRY)
    assert people.token(kept.id) == kept
    assert people.tokens() == [kept]


def test_tokens_are_listed_the_oldest_first(people: People) -> None:
    late, early = token("late", at=LATER), token("early")
    people.add_token(late, ENTRY)
    people.add_token(early, ENTRY)
    assert people.tokens() == [early, late]


def test_a_token_is_revoked_once_and_gives_its_name_free(people: People, audit: SqlAudit) -> None:
    kept = token()
    people.add_token(kept, ENTRY)
    with pytest.raises(ConflictError, match="token ci already"):
        people.add_token(token(), ENTRY)
    assert people.revoke_token(kept.id, ENTRY, LATER)
    assert not people.revoke_token(kept.id, ENTRY, LATER)
    assert not people.revoke_token("none", ENTRY, LATER)
    people.add_token(token(), ENTRY)
    assert people.token(kept.id) == replace(kept, revoked_at=LATER)
    assert written(audit) == 3


def test_when_a_token_was_used_last_is_kept_but_not_in_the_audit(
    people: People, audit: SqlAudit
) -> None:
    kept = token()
    people.add_token(kept, ENTRY)
    people.use_token(kept.id, LATER)
    people.use_token("none", LATER)
    assert people.token(kept.id) == replace(kept, used_at=LATER)
    assert written(audit) == 1


# Issuers

MAPPING = ClaimMapping(CI, (Condition("ref", "main"), Condition("sub", "repo:a/b")))
ISSUER = Issuer(
    "corp",
    "https://id.example/realms/a",
    NOW,
    "root",
    client_id="herdbook",
    audience="robots",
    name_claim="name",
    groups_claim="groups",
    required=(Condition("hd", "acme.example"),),
    scopes=("groups",),
)
PERSON = Person("corp", "anna", "248", ("corp:ops",), NOW, NOW)


def test_an_issuer_is_found_as_it_was_kept(people: People, audit: SqlAudit) -> None:
    assert people.issuers() == []
    people.add_issuer(replace(ISSUER, at=NOW.astimezone(ELSEWHERE)), ENTRY)
    other = Issuer("a", "https://other.example", NOW, "root", audience="x")
    people.add_issuer(other, ENTRY)
    assert people.issuers() == [other, ISSUER]
    assert written(audit) == 2


def test_there_is_one_issuer_of_a_name_and_of_an_address(people: People, audit: SqlAudit) -> None:
    people.add_issuer(ISSUER, ENTRY)
    for same in (replace(ISSUER, url="https://evil.example"), replace(ISSUER, name="other")):
        with pytest.raises(ConflictError, match="issuer corp already"):
            people.add_issuer(same, ENTRY)
    assert people.issuers() == [ISSUER]
    assert written(audit) == 1


def test_a_name_stays_with_its_address_after_the_issuer_is_removed(
    people: People, audit: SqlAudit
) -> None:
    people.add_issuer(ISSUER, ENTRY)
    people.map_claims("corp", MAPPING, ENTRY, NOW)
    people.see_person(PERSON, ENTRY, NOW)
    assert people.remove_issuer("corp", ENTRY, LATER)
    assert not people.remove_issuer("corp", ENTRY, LATER)
    assert people.issuers() == []
    with pytest.raises(ConflictError, match="was the name of"):
        people.add_issuer(replace(ISSUER, url="https://evil.example"), ENTRY)
    people.add_issuer(replace(ISSUER, client_id="another", at=LATER), ENTRY)
    assert people.issuers() == [replace(ISSUER, client_id="another", at=LATER)]
    assert people.person("corp:anna") == PERSON
    assert written(audit) == 5


def test_mappings_are_added_and_taken_away_once(people: People, audit: SqlAudit) -> None:
    other = ClaimMapping(ANNA, (Condition("sub", "248"),))
    assert not people.map_claims("corp", MAPPING, ENTRY, NOW)
    people.add_issuer(ISSUER, ENTRY)
    assert people.map_claims("corp", MAPPING, ENTRY, NOW)
    assert people.map_claims("corp", other, ENTRY, NOW)
    assert not people.map_claims("corp", MAPPING, ENTRY, NOW)
    assert people.issuers()[0].mappings == (MAPPING, other)
    assert people.unmap_claims("corp", MAPPING, ENTRY, NOW)
    assert not people.unmap_claims("corp", MAPPING, ENTRY, NOW)
    assert people.issuers()[0].mappings == (other,)
    assert written(audit) == 4


def test_mappings_that_are_added_at_once_are_all_kept(people: People) -> None:
    people.add_issuer(ISSUER, ENTRY)
    wanted = [ClaimMapping(CI, (Condition("sub", str(each)),)) for each in range(6)]
    with ThreadPoolExecutor(6) as pool:
        done = pool.map(lambda each: people.map_claims("corp", each, ENTRY, NOW), wanted)
    assert all(done)
    assert set(people.issuers()[0].mappings) == set(wanted)


def test_somebody_is_bound_to_what_their_issuer_calls_them(people: People, audit: SqlAudit) -> None:
    assert people.person("corp:anna") is None
    people.see_person(PERSON, ENTRY, NOW)
    with pytest.raises(ConflictError, match="somebody else"):
        people.see_person(replace(PERSON, subject="249", said_at=LATER), ENTRY, LATER)
    people.see_person(replace(PERSON, name="bob", subject="249"), None, NOW)
    assert people.person("corp:anna") == PERSON
    assert [each.name for each in people.people_of("corp")] == ["anna", "bob"]
    assert people.people_of("other") == []
    assert written(audit) == 1


def test_nobody_of_an_issuer_has_two_names(people: People, audit: SqlAudit) -> None:
    people.see_person(PERSON, ENTRY, NOW)
    with pytest.raises(ConflictError, match="corp:anna before"):
        people.see_person(replace(PERSON, name="anna2", said_at=LATER), ENTRY, LATER)
    people.see_person(replace(PERSON, issuer="other"), None, NOW)  # who is 248 of theirs
    assert [each.name for each in people.people_of("corp")] == ["anna"]
    assert people.forget_person("corp:anna", ENTRY, LATER)
    people.see_person(replace(PERSON, name="anna2"), ENTRY, LATER)
    assert written(audit) == 3


def test_what_an_issuer_says_of_groups_gives_way_to_what_it_says_later(people: People) -> None:
    people.see_person(PERSON, ENTRY, NOW)
    later = replace(PERSON, groups=(), said_at=LATER, at=LATER)
    people.see_person(later, ENTRY, LATER)
    people.see_person(PERSON, ENTRY, LATER)  # an older token that still counts
    assert people.person("corp:anna") == replace(later, at=NOW)


def test_somebody_of_an_issuer_is_disabled_until_that_is_taken_back(
    people: People, audit: SqlAudit
) -> None:
    assert not people.change_person(replace(PERSON, disabled=True), ENTRY, NOW)
    people.see_person(PERSON, ENTRY, NOW)
    assert people.change_person(replace(PERSON, disabled=True), ENTRY, NOW)
    people.add_user(replace(USER, disabled=True), ENTRY)
    assert people.standing().disabled == {"anna", "corp:anna"}
    people.see_person(replace(PERSON, said_at=LATER), ENTRY, LATER)
    assert people.standing().disabled == {"anna", "corp:anna"}
    assert people.change_person(PERSON, ENTRY, NOW)
    assert people.standing().disabled == {"anna"}
    assert written(audit) == 5


def test_a_name_that_is_given_free_is_whoever_s_comes_next(people: People) -> None:
    people.see_person(PERSON, ENTRY, NOW)
    assert people.forget_person("corp:anna", ENTRY, NOW)
    assert not people.forget_person("corp:anna", ENTRY, NOW)
    people.see_person(replace(PERSON, subject="249"), ENTRY, NOW)
    found = people.person("corp:anna")
    assert found is not None
    assert found.subject == "249"


def test_an_admin_whose_provider_may_go_away_is_not_the_last(people: People) -> None:
    foreign = replace(ROOT, subject=read_subject("user:corp:anna"))
    with pytest.raises(ConflictError, match="no person"):
        people.grant([foreign], [ENTRY], NOW)
    people.grant([ROOT, foreign], [ENTRY], NOW)
    with pytest.raises(ConflictError, match="no person"):
        people.withdraw(ROOT, ENTRY, NOW)


# Schema


@pytest.mark.parametrize("revision", ["0009", "0014"])
def test_a_database_from_before_opens_with_nobody_granted_anything(
    database_url: str, tmp_path: Path, revision: str
) -> None:
    at_revision(database_url, revision).dispose()
    engine = open_database(database_url)
    found = SqlPeople(engine, SqlAudit(engine, tmp_path / "audit.key"))
    assert found.standing() == Standing()
    assert found.issuers() == []
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert differences == []
    assert {
        each.name
        for each in (people_schema.tokens, fleet_schema.rollouts, gate_schema.test_results)
    } <= set(schema.metadata.tables)
    engine.dispose()
