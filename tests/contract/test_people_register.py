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
from herdbook.people.model import Grant, Role, Standing, Token, User, read_subject
from herdbook.people.ports import People
from herdbook.people.tokens import new_token
from herdbook.store import fleet_schema, people_schema, schema
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


# Schema


def test_a_database_from_before_opens_with_nobody_granted_anything(
    database_url: str, tmp_path: Path
) -> None:
    at_revision(database_url, "0009").dispose()
    engine = open_database(database_url)
    found = SqlPeople(engine, SqlAudit(engine, tmp_path / "audit.key"))
    assert found.standing() == Standing()
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert differences == []
    assert {people_schema.tokens.name, fleet_schema.rollouts.name} <= set(schema.metadata.tables)
    engine.dispose()
