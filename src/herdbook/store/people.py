"""The register of people in SQL: grants, users and groups; tokens and issuers are beside it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError
from herdbook.people.deciding import refuse_without_admin
from herdbook.people.model import Grant, Role, Standing, Subject, User
from herdbook.store import people_schema as schema
from herdbook.store.database import reading, writing
from herdbook.store.issuers import SqlIssuers, disabled_people
from herdbook.store.moments import in_utc
from herdbook.store.tokens import SqlTokens, kept_subject


class SqlPeople(SqlTokens, SqlIssuers):
    """People in a database; every change is one transaction, its audit records included."""

    def standing(self) -> Standing:
        """Return all that decides who may do what."""
        with reading(self._engine) as connection:
            return _standing(connection)

    def grant(self, grants: Sequence[Grant], entries: Sequence[Entry], at: datetime) -> None:
        """Keep grants, all or none; raises ConflictError where no person were admin then."""
        table = schema.role_grants
        with writing(self._engine) as connection:
            for each in grants:
                if connection.execute(select(table).where(_is(each))).first() is None:
                    row = {**_named(each), "at": each.at.astimezone(UTC), "who": each.who}
                    connection.execute(insert(table).values(**row))
            refuse_without_admin(_standing(connection))
            for entry in entries:
                self._audit.write(connection, entry, at)

    def withdraw(self, grant: Grant, entry: Entry, at: datetime) -> bool:
        """Remove what somebody was granted; tell whether there was such a grant."""
        with writing(self._engine) as connection:
            if not connection.execute(delete(schema.role_grants).where(_is(grant))).rowcount:
                return False
            # Without any grant, everybody may do everything: nobody gets there by taking away.
            if not connection.execute(select(schema.role_grants).limit(1)).first():
                raise ConflictError(
                    "That is the last grant: without it, everybody could do everything again",
                    hint="Make somebody else an admin first: herdbook role grant user:NAME admin",
                )
            refuse_without_admin(_standing(connection))
            self._audit.write(connection, entry, at)
        return True

    def users(self) -> list[User]:
        """Return all users with an account here, by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(schema.users).order_by(schema.users.c.name))
            return [_user(row) for row in rows]

    def user(self, name: str) -> User | None:
        """Return a user, or None."""
        with reading(self._engine) as connection:
            row = connection.execute(select(schema.users).filter_by(name=name)).one_or_none()
        return _user(row) if row else None

    def add_user(self, user: User, entry: Entry) -> None:
        """Keep a new user; raises ConflictError where there is one of that name."""
        table = schema.users
        with writing(self._engine) as connection:
            if connection.execute(select(table.c.name).filter_by(name=user.name)).first():
                raise ConflictError(
                    f"There is a user {user.name} already",
                    hint=f"To give them another password: herdbook user passwd {user.name}",
                )
            row = {
                "name": user.name,
                "password": user.password,
                "disabled": user.disabled,
                "at": user.at.astimezone(UTC),
                "who": user.who,
            }
            connection.execute(insert(table).values(**row))
            self._audit.write(connection, entry, user.at)

    def change_user(self, user: User, entry: Entry, at: datetime) -> bool:
        """Keep a user's password and whether they are disabled; tell whether there was one."""
        table = schema.users
        change = update(table).where(table.c.name == user.name)
        change = change.values(password=user.password, disabled=user.disabled)
        with writing(self._engine) as connection:
            if not connection.execute(change).rowcount:
                return False
            refuse_without_admin(_standing(connection))
            self._audit.write(connection, entry, at)
        return True

    def members(self) -> list[tuple[str, Subject]]:
        """Return all groups of our own, each with one of its members, by their names."""
        table = schema.group_members
        query = select(table).order_by(table.c.group_name, table.c.subject)
        with reading(self._engine) as connection:
            rows = connection.execute(query)
            return [(row.group_name, kept_subject(row.subject)) for row in rows]

    def groups_of(self, subject: Subject) -> frozenset[str]:
        """Return the groups of our own that somebody is in."""
        query = select(schema.group_members.c.group_name).filter_by(subject=str(subject))
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def join(self, group: str, subject: Subject, entry: Entry, at: datetime) -> bool:
        """Put somebody into a group; tell whether they were not in it."""
        row = {"group_name": group, "subject": str(subject)}
        with writing(self._engine) as connection:
            if connection.execute(select(schema.group_members).filter_by(**row)).first():
                return False
            connection.execute(insert(schema.group_members).values(**row))
            self._audit.write(connection, entry, at)
        return True

    def leave(self, group: str, subject: Subject, entry: Entry, at: datetime) -> bool:
        """Take somebody out of a group; tell whether they were in it."""
        table = schema.group_members
        mine = and_(table.c.group_name == group, table.c.subject == str(subject))
        with writing(self._engine) as connection:
            if not connection.execute(delete(table).where(mine)).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True


def _standing(connection: Connection) -> Standing:
    table, users = schema.role_grants, schema.users.c
    query = select(table).order_by(table.c.subject, table.c.role, table.c.images)
    grants = tuple(_grant(row) for row in connection.execute(query))
    disabled = connection.execute(select(users.name).where(users.disabled)).scalars()
    return Standing(grants, frozenset(disabled) | disabled_people(connection))


def _named(grant: Grant) -> dict[str, str]:
    """Return what a grant is known by."""
    return {"subject": str(grant.subject), "role": grant.role.value, "images": grant.images}


def _is(grant: Grant) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy's
    table = schema.role_grants.c
    return and_(*(table[name] == value for name, value in _named(grant).items()))


def _grant(row: Row[Any]) -> Grant:
    return Grant(kept_subject(row.subject), Role(row.role), row.images, in_utc(row.at), row.who)


def _user(row: Row[Any]) -> User:
    return User(row.name, in_utc(row.at), row.who, row.password, row.disabled)
