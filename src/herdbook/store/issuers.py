"""The register of OpenID providers in SQL: what is believed, and whom their names are bound to."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError
from herdbook.people.issuers import ClaimMapping, Condition, Issuer, Person
from herdbook.store import people_schema as schema
from herdbook.store.audit import SqlAudit
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.tokens import kept_subject

_Mappings = tuple[ClaimMapping, ...]


class SqlIssuers:
    """Issuers in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def issuers(self) -> list[Issuer]:
        """Return all that are believed, by name."""
        table = schema.issuers
        query = select(table).where(table.c.removed_at.is_(None)).order_by(table.c.name)
        with reading(self._engine) as connection:
            return [_issuer(row) for row in connection.execute(query)]

    def add_issuer(self, issuer: Issuer, entry: Entry) -> None:
        """Keep an issuer; raises ConflictError where its name or address is another one's."""
        table = schema.issuers
        with writing(self._engine) as connection:
            known = connection.execute(select(table)).all()
            for row in known:
                _refuse_same(issuer, row)
            if any(row.name == issuer.name for row in known):
                connection.execute(delete(table).where(table.c.name == issuer.name))
            connection.execute(insert(table).values(**_row(issuer)))
            self._audit.write(connection, entry, issuer.at)

    def remove_issuer(self, name: str, entry: Entry, at: datetime) -> bool:
        """Have an issuer be believed no more; tell whether it was until now."""
        change = update(schema.issuers).where(_believed(name))
        change = change.values(removed_at=at.astimezone(UTC), mappings=[])
        with writing(self._engine) as connection:
            if not connection.execute(change).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def map_claims(self, name: str, mapping: ClaimMapping, entry: Entry, at: datetime) -> bool:
        """Add a mapping; tell whether the issuer is believed and it was not there."""
        return self._remap(name, lambda before: _with(before, mapping), entry, at)

    def unmap_claims(self, name: str, mapping: ClaimMapping, entry: Entry, at: datetime) -> bool:
        """Take a mapping away; tell whether it was there."""
        return self._remap(
            name, lambda before: tuple(each for each in before if each != mapping), entry, at
        )

    def people_of(self, issuer: str) -> list[Person]:
        """Return who of an issuer has come, by name."""
        table = schema.issuer_people
        query = select(table).where(table.c.issuer == issuer).order_by(table.c.name)
        with reading(self._engine) as connection:
            return [_person(row) for row in connection.execute(query)]

    def person(self, actor: str) -> Person | None:
        """Return somebody of an issuer, or None."""
        with reading(self._engine) as connection:
            return _found(connection, actor)

    def see_person(self, person: Person, entry: Entry | None, at: datetime) -> None:
        """Keep that somebody has come; raises ConflictError where the name is somebody else's.

        So it does where they have another name already.
        """
        said: dict[str, Any] = {
            "groups": list(person.groups),
            "said_at": person.said_at.astimezone(UTC),
        }
        with writing(self._engine) as connection:
            before = _found(connection, person.actor)
            if before is None:
                _refuse_renamed(connection, person)
                row = {**said, "issuer": person.issuer, "name": person.name}
                row |= {"subject": person.subject, "at": at.astimezone(UTC), "disabled": False}
                connection.execute(insert(schema.issuer_people).values(**row))
            elif before.subject != person.subject:
                raise ConflictError(f"{person.actor} is somebody else by now")
            elif person.said_at < before.said_at:
                return
            else:
                change = update(schema.issuer_people).where(_is(person.actor))
                connection.execute(change.values(**said))
            if entry is not None:
                self._audit.write(connection, entry, at)

    def change_person(self, person: Person, entry: Entry, at: datetime) -> bool:
        """Keep whether somebody is disabled; tell whether they have ever come."""
        change = update(schema.issuer_people).where(_is(person.actor))
        with writing(self._engine) as connection:
            if not connection.execute(change.values(disabled=person.disabled)).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def forget_person(self, actor: str, entry: Entry, at: datetime) -> bool:
        """Give a name free; tell whether it was bound."""
        with writing(self._engine) as connection:
            if not connection.execute(delete(schema.issuer_people).where(_is(actor))).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def _remap(
        self, name: str, change: Callable[[_Mappings], _Mappings], entry: Entry, at: datetime
    ) -> bool:
        table = schema.issuers
        with writing(self._engine) as connection:
            row = connection.execute(select(table.c.mappings).where(_believed(name))).one_or_none()
            if row is None:
                return False
            before = _mappings(row.mappings)
            after = change(before)
            if after == before:
                return False
            kept = update(table).where(_believed(name)).values(mappings=_written(after))
            connection.execute(kept)
            self._audit.write(connection, entry, at)
        return True


def disabled_people(connection: Connection) -> frozenset[str]:
    """Return the people of issuers who are disabled, as the audit calls them."""
    table = schema.issuer_people.c
    rows = connection.execute(select(table.issuer, table.name).where(table.disabled))
    return frozenset(f"{row.issuer}:{row.name}" for row in rows)


def _refuse_same(issuer: Issuer, row: Row[Any]) -> None:
    believed, same_name, same_url = (
        row.removed_at is None,
        row.name == issuer.name,
        row.url == issuer.url,
    )
    if believed and (same_name or same_url):
        raise ConflictError(
            f"There is an issuer {row.name} already, at {row.url}",
            hint=f"To say otherwise of it, first: herdbook issuer rm {row.name}",
        )
    if same_name and not same_url:
        raise ConflictError(
            f"{row.name} was the name of the issuer at {row.url}",
            hint="What its people were granted stays theirs: choose another name.",
        )


def _believed(name: str) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy's
    table = schema.issuers.c
    return and_(table.name == name, table.removed_at.is_(None))


def _is(actor: str) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy's
    issuer, _, name = actor.partition(":")
    table = schema.issuer_people.c
    return and_(table.issuer == issuer, table.name == name)


def _found(connection: Connection, actor: str) -> Person | None:
    row = connection.execute(select(schema.issuer_people).where(_is(actor))).one_or_none()
    return _person(row) if row else None


def _refuse_renamed(connection: Connection, person: Person) -> None:
    table = schema.issuer_people.c
    same = and_(table.issuer == person.issuer, table.subject == person.subject)
    name = connection.execute(select(table.name).where(same).limit(1)).scalar()
    if name is not None:
        raise ConflictError(f"{person.actor} has come as {person.issuer}:{name} before")


def _with(before: _Mappings, mapping: ClaimMapping) -> _Mappings:
    return before if mapping in before else (*before, mapping)


def _row(issuer: Issuer) -> dict[str, Any]:
    return {
        "name": issuer.name,
        "url": issuer.url,
        "client_id": issuer.client_id,
        "audience": issuer.audience,
        "name_claim": issuer.name_claim,
        "groups_claim": issuer.groups_claim,
        "required": _pairs(issuer.required),
        "scopes": list(issuer.scopes),
        "mappings": [],
        "at": issuer.at.astimezone(UTC),
        "who": issuer.who,
    }


def _pairs(conditions: Iterable[Condition]) -> list[list[str]]:
    return [[each.claim, each.value] for each in conditions]


def _conditions(pairs: list[list[str]]) -> tuple[Condition, ...]:
    return tuple(Condition(claim, value) for claim, value in pairs)


def _written(mappings: _Mappings) -> list[dict[str, Any]]:
    return [{"subject": str(each.subject), "when": _pairs(each.conditions)} for each in mappings]


def _mappings(written: list[dict[str, Any]]) -> _Mappings:
    return tuple(
        ClaimMapping(kept_subject(each["subject"]), _conditions(each["when"])) for each in written
    )


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(
        name=row.name,
        url=row.url,
        at=in_utc(row.at),
        who=row.who,
        client_id=row.client_id,
        audience=row.audience,
        name_claim=row.name_claim,
        groups_claim=row.groups_claim,
        required=_conditions(row.required),
        scopes=tuple(row.scopes),
        mappings=_mappings(row.mappings),
    )


def _person(row: Row[Any]) -> Person:
    return Person(
        issuer=row.issuer,
        name=row.name,
        subject=row.subject,
        groups=tuple(row.groups),
        said_at=in_utc(row.said_at),
        at=in_utc(row.at),
        disabled=row.disabled,
    )
