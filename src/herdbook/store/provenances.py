"""Keeps the signed statements of where versions come from, beside the versions in the database."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Engine, ScalarSelect, and_, delete, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.core.clock import Clock
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.signatures.envelopes import Envelope
from herdbook.store import schema
from herdbook.store.audit import SqlAudit
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.packing import pack_bytes, unpack_bytes


class SqlProvenances:
    """Statements in a database: most are written by who writes the version, in one transaction."""

    def __init__(self, engine: Engine, audit: SqlAudit, clock: Clock) -> None:
        self._engine = engine
        self._audit = audit
        self._clock = clock

    def find(self, image: str, number: int) -> Envelope | None:
        """Return a version's; None where it has none, or is not there."""
        table = schema.provenances
        query = select(table).where(table.c.version_id == _identity(image, number))
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        try:
            return Envelope(unpack_bytes(row.statement), row.key.hex(), row.signature)
        except ValueError as error:
            raise VerificationError(
                f"The provenance of {image}:{number} is damaged",
                hint=f"See what else is: herdbook verify {image}:{number}",
            ) from error

    def keep(self, image: str, number: int, envelope: Envelope, entry: Entry) -> None:
        """Keep one in place of what was there; raises NotFoundError for an unknown version."""
        table = schema.provenances
        with writing(self._engine) as connection:
            identity = connection.execute(select(_identity(image, number))).scalar()
            if identity is None:
                raise NotFoundError(f"There is no version {image}:{number}")
            connection.execute(delete(table).where(table.c.version_id == identity))
            connection.execute(insert(table).values(**provenance_row(identity, envelope)))
            self._audit.write(connection, entry, self._clock.now())

    def bills(self, layers: Iterable[Digest]) -> dict[Digest, tuple[str, bytes]]:
        """Return who has signed the bills of layers, and how; not those that nobody has signed."""
        table, found = schema.layers.c, dict[Digest, tuple[str, bytes]]()
        query = select(table.digest, table.bill_key, table.bill_signature)
        with reading(self._engine) as connection:
            for chunk in chunks(layers):
                for digest, key, signature in connection.execute(
                    query.where(table.digest.in_(chunk), table.bill_key.is_not(None))
                ):
                    found[Digest(digest)] = key.hex(), signature
        return found

    def keep_bills(self, signed: Mapping[Digest, Envelope]) -> None:
        """Keep who has signed the bills of layers, in place of what was there."""
        table = schema.layers
        with writing(self._engine) as connection:
            for digest, envelope in signed.items():
                values = bill_row(envelope)
                connection.execute(update(table).where(table.c.digest == digest).values(**values))

    def lacking(self, keys: Collection[str]) -> list[tuple[str, int]]:
        """Return the versions that have none signed by one of these keys, by image and number."""
        counting = [bytes.fromhex(each) for each in keys]
        names, versions, table = schema.images.c, schema.versions.c, schema.provenances
        query = (
            select(names.name, versions.number)
            .join(schema.images, versions.image_id == names.id)
            .outerjoin(table, and_(table.c.version_id == versions.id, table.c.key.in_(counting)))
            .where(table.c.version_id.is_(None))
            .order_by(names.name, versions.number)
        )
        with reading(self._engine) as connection:
            return [(name, number) for name, number in connection.execute(query)]


def bill_row(envelope: Envelope) -> dict[str, Any]:
    """Return who has signed a bill, as the database keeps it."""
    return {"bill_key": bytes.fromhex(envelope.key), "bill_signature": envelope.signature}


def _identity(image: str, number: int) -> ScalarSelect[Any]:
    """Return the row of a version, as a part of a query."""
    versions, images = schema.versions.c, schema.images.c
    query = select(versions.id).join(schema.images, images.id == versions.image_id)
    return query.where(images.name == image, versions.number == number).scalar_subquery()


def provenance_row(version_id: int, envelope: Envelope) -> dict[str, Any]:
    """Return a statement as the database keeps it."""
    return {
        "version_id": version_id,
        "key": bytes.fromhex(envelope.key),
        "signature": envelope.signature,
        "statement": pack_bytes(envelope.payload),
    }
