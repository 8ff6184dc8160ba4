"""The audit in SQL: a chain of records whose newest one is sealed."""

import hmac
import secrets
from collections.abc import Collection, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from herdbook.audit.chain import Entry, Head, Record, following, sealed
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.core.whole_files import kept_whole
from herdbook.store import channel_schema as schema
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc

_KEY_BYTES = 32
_AT_ONCE = 1000
_ONE = 1


class SqlAudit:
    """The audit in a database, and the key of its seal in `key_file`, made when needed first."""

    def __init__(self, engine: Engine, key_file: Path) -> None:
        self._engine = engine
        self._key_file = key_file

    def append(self, entry: Entry, at: datetime) -> Record:
        """Add a record after all others."""
        with writing(self._engine) as connection:
            return self.write(connection, entry, at)

    def write(self, connection: Connection, entry: Entry, at: datetime) -> Record:
        """Add a record in a transaction of somebody who changes what it is about."""
        head = self._head(connection)
        record = following(head, entry, at)
        values = {**record.model_dump(), "at": at.astimezone(UTC), "details": dict(entry.details)}
        try:
            connection.execute(insert(schema.audit_records).values(**values))
        except IntegrityError as error:
            raise VerificationError(
                f"Record {record.number} of the audit is there, and was not written by Herdbook",
                hint="Somebody has added it: see what is wrong with herdbook audit verify.",
            ) from error
        found = Head(number=record.number, digest=record.digest)
        row = {**found.model_dump(), "seal": sealed(self._key(), found)}
        if head.number:
            connection.execute(update(schema.audit_head).values(**row))
        else:
            connection.execute(insert(schema.audit_head).values(id=_ONE, **row))
        return record

    def records(
        self, after: int = 0, *, newest: int | None = None
    ) -> Generator[Record, None, None]:
        """Yield records in order, while they are read."""
        table = schema.audit_records
        if newest is not None:
            after = max(after, self.head().number - newest)
        query = select(table).where(table.c.number > after).order_by(table.c.number)
        last = after
        with reading(self._engine) as connection:
            try:
                # Closed with the cursor that PostgreSQL keeps, where not all is wanted.
                with connection.execution_options(yield_per=_AT_ONCE).execute(query) as rows:
                    for row in rows:
                        yield _record(row)
                        last = row.number
            except (TypeError, ValueError) as error:  # what was written can always be read
                raise VerificationError(
                    f"One of the records after {last} of the audit is not as it was written"
                ) from error

    def newest_about(self, subject: str, verbs: Collection[str]) -> Record | None:
        """Return the newest record of something done to a subject, or None."""
        table = schema.audit_records
        query = select(table).where(table.c.subject == subject, table.c.verb.in_(verbs))
        query = query.order_by(table.c.number.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return _record(row) if row else None

    def head(self) -> Head:
        """Return the newest record's place; raises VerificationError where its seal is broken."""
        with reading(self._engine) as connection:
            return self._head(connection)

    def _head(self, connection: Connection) -> Head:
        row = connection.execute(select(schema.audit_head)).one_or_none()
        if row is None:
            table = schema.audit_records
            if connection.execute(select(table.c.number).limit(1)).first() is not None:
                raise VerificationError(
                    "What says how long the audit is was removed",
                    hint="Compare with an export: herdbook audit verify --file FILE",
                )
            return Head()
        head = Head(number=row.number, digest=Digest(row.digest))
        if not hmac.compare_digest(row.seal.encode(), sealed(self._key(), head).encode()):
            raise VerificationError(
                "What says how long the audit is was not written by Herdbook",
                hint=f"It is sealed with the key in {self._key_file}: is that another one?",
            )
        return head

    def _key(self) -> bytes:
        key = kept_whole(self._key_file, lambda: secrets.token_bytes(_KEY_BYTES))
        if len(key) != _KEY_BYTES:  # with an empty one, everybody could seal
            raise VerificationError(f"{self._key_file} does not hold the key of the audit's seal")
        return key


def _record(row: Row[Any]) -> Record:
    return Record(
        who=row.who,
        verb=row.verb,
        subject=row.subject,
        details=row.details,
        number=row.number,
        at=in_utc(row.at),
        digest=Digest(row.digest),
    )
