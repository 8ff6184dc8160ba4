"""The register of what came of trying versions, in SQL."""

from sqlalchemy import Engine, delete, insert, select

from herdbook.audit.chain import Entry
from herdbook.channels.model import Made
from herdbook.channels.results import Result
from herdbook.signatures.envelopes import Envelope
from herdbook.store.audit import SqlAudit
from herdbook.store.database import reading, writing
from herdbook.store.gate_schema import test_results as table
from herdbook.store.packing import pack_bytes, unpack_bytes


class SqlResults:
    """Results in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def results(self, made: Made) -> list[Envelope]:
        """Return what is kept of a version, in an order of its own; what is damaged is left out."""
        query = select(table).where(table.c.image == made[0], table.c.version == made[1])
        query = query.order_by(table.c.kind, table.c.name, table.c.text)
        found = []
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                try:
                    found.append(Envelope(unpack_bytes(row.statement), row.key, row.signature))
                except ValueError:  # it is as if nobody had found that out
                    continue
        return found

    def keep_result(self, result: Result, envelope: Envelope, entry: Entry) -> None:
        """Keep a result; another one of what was done to that version is replaced."""
        place = {
            "image": result.image,
            "version": result.version,
            "kind": result.kind.value,
            "name": result.name,
            "text": result.text,
        }
        signed = {
            "key": envelope.key,
            "signature": envelope.signature,
            "statement": pack_bytes(envelope.payload),
        }
        with writing(self._engine) as connection:
            connection.execute(delete(table).filter_by(**place))
            connection.execute(insert(table).values(**place, **signed))
            self._audit.write(connection, entry, result.at)
