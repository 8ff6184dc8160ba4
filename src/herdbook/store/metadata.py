"""Signed metadata in SQL: what is published, and what is still to be signed."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, and_, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError
from herdbook.metadata.model import ROOT, SNAPSHOT, TIMESTAMP, Document, Draft
from herdbook.metadata.publishing import publish_entry
from herdbook.metadata.signing import merged
from herdbook.store.audit import SqlAudit
from herdbook.store.channel_schema import metadata_documents, metadata_drafts
from herdbook.store.database import reading, writing

_KEPT = {TIMESTAMP: 1, SNAPSHOT: 10}
"""So many of these are kept: a client that has read a timestamp gets the snapshot it names."""


class SqlMetadata:
    """Metadata in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def newest(self, role: str) -> Document | None:
        """Return what is published last of a role."""
        return next(iter(self._found(role, most=1)), None)

    def find(self, role: str, version: int) -> Document | None:
        """Return what is published of a role under a version."""
        return next(iter(self._found(role, version, most=1)), None)

    def history(self, role: str) -> list[Document]:
        """Return all that is published of a role, the newest first."""
        return self._found(role)

    def versions(self) -> dict[str, int]:
        """Return the newest version of each role."""
        table = metadata_documents.c
        query = select(table.role, func.max(table.version)).group_by(table.role)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def publish(self, documents: Sequence[Document], who: str, at: datetime) -> None:
        """Keep documents, all or none; raises ConflictError for one that comes too late."""
        with writing(self._engine) as connection:
            keep_documents(connection, self._audit, documents, who, at)

    def drafts(self) -> list[Draft]:
        """Return all that is to be signed."""
        table = metadata_drafts
        query = select(table).order_by(table.c.role, table.c.proposal)
        with reading(self._engine) as connection:
            rows = connection.execute(query)
            return [Draft(row.role, row.content, row.proposal) for row in rows]

    def keep_draft(
        self, draft: Draft, entry: Entry, at: datetime, *, replaces_root: bool = False
    ) -> None:
        """Keep a draft in place of that of the same role and proposal; see the port's promises."""
        table = metadata_drafts
        mine = and_(table.c.role == draft.role, table.c.proposal == draft.proposal)
        with writing(self._engine) as connection:
            known = connection.execute(select(table.c.content).where(mine)).scalar_one_or_none()
            both = merged(known, draft.content) if known is not None else draft.content
            if both is None and draft.role == ROOT and not replaces_root:
                raise ConflictError(
                    "Somebody has named other holders of the root meanwhile",
                    hint="See what waits now: herdbook metadata show",
                )
            content = draft.content if replaces_root or both is None else both
            connection.execute(delete(table).where(mine))
            values = {"role": draft.role, "proposal": draft.proposal, "content": content}
            connection.execute(insert(table).values(**values))
            self._audit.write(connection, entry, at)

    def _found(
        self, role: str, version: int | None = None, most: int | None = None
    ) -> list[Document]:
        table = metadata_documents
        query = select(table).where(table.c.role == role)
        if version is not None:
            query = query.where(table.c.version == version)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(table.c.version.desc()).limit(most))
            return [Document(row.role, row.version, row.content) for row in rows]


def keep_documents(
    connection: Connection, audit: SqlAudit, documents: Sequence[Document], who: str, at: datetime
) -> None:
    """Publish documents in a transaction; raises ConflictError for one that comes too late.

    Drafts of their roles would be of a version that is there now: they are dropped.
    """
    table, drafts = metadata_documents, metadata_drafts
    for each in documents:
        values = {"role": each.role, "version": each.version, "content": each.content}
        try:
            connection.execute(insert(table).values(**values))
        except IntegrityError as error:
            raise ConflictError(
                f"Somebody else has published version {each.version} of {each.role} meanwhile",
                hint="Run the same command again.",
            ) from error
        connection.execute(delete(drafts).where(drafts.c.role == each.role))
        if (kept := _KEPT.get(each.role)) is not None:
            old = and_(table.c.role == each.role, table.c.version <= each.version - kept)
            connection.execute(delete(table).where(old))
        else:
            audit.write(connection, publish_entry(each, who), at)
