"""The register of tokens in SQL: never a secret, only its digest."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.people.model import Role, Subject, SubjectKind, Token
from herdbook.store import people_schema as schema
from herdbook.store.audit import SqlAudit
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc


class SqlTokens:
    """Tokens in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def tokens(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        table = schema.tokens
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.at, table.c.id))
            return [_token(row) for row in rows]

    def token(self, id_: str) -> Token | None:
        """Return a token, or None."""
        with reading(self._engine) as connection:
            row = connection.execute(select(schema.tokens).filter_by(id=id_)).one_or_none()
        return _token(row) if row else None

    def add_token(self, token: Token, entry: Entry) -> None:
        """Keep a token; raises ConflictError where one of that name is not revoked."""
        table = schema.tokens
        row = {
            "id": token.id,
            "name": token.name,
            "subject": str(token.subject),
            "images": token.images,
            "role": token.role.value if token.role else "",
            "digest": token.digest,
            "at": token.at.astimezone(UTC),
            "who": token.who,
            "expires_at": token.expires_at.astimezone(UTC),
        }
        same = select(table.c.id).where(table.c.name == token.name, table.c.revoked_at.is_(None))
        with writing(self._engine) as connection:
            if connection.execute(same).first():
                raise ConflictError(
                    f"There is a token {token.name} already",
                    hint=f"Name it otherwise, or first: herdbook token revoke {token.name}",
                )
            connection.execute(insert(table).values(**row))
            self._audit.write(connection, entry, token.at)

    def revoke_token(self, id_: str, entry: Entry, at: datetime) -> bool:
        """Keep that a token is not to be used any more; tell whether that was so until now."""
        table = schema.tokens
        change = update(table).where(table.c.id == id_, table.c.revoked_at.is_(None))
        with writing(self._engine) as connection:
            if not connection.execute(change.values(revoked_at=at.astimezone(UTC))).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def use_token(self, id_: str, at: datetime) -> None:
        """Keep when a token was used last."""
        table = schema.tokens
        with writing(self._engine) as connection:
            change = update(table).where(table.c.id == id_)
            connection.execute(change.values(used_at=at.astimezone(UTC)))


def kept_subject(text: str) -> Subject:
    """Return somebody as they were kept."""
    kind, _, name = text.partition(":")
    return Subject(SubjectKind(kind), name)


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        subject=kept_subject(row.subject),
        images=row.images,
        role=Role(row.role) if row.role else None,
        digest=Digest(row.digest),
        at=in_utc(row.at),
        who=row.who,
        expires_at=in_utc(row.expires_at),
        revoked_at=in_utc(row.revoked_at) if row.revoked_at else None,
        used_at=in_utc(row.used_at) if row.used_at else None,
    )
