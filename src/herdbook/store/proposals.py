"""The register of proposals in SQL, and of who approved them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select, update

from herdbook.audit.chain import Entry
from herdbook.channels.proposals import (
    Approval,
    Comment,
    Proposal,
    ProposalState,
    open_for,
    proposed_already,
)
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.store import channel_schema as schema
from herdbook.store.audit import SqlAudit
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.schema import MAXIMUM_NUMBER


class SqlProposals:
    """Proposals in a database; every change is one transaction, its audit record included."""

    def __init__(self, engine: Engine, audit: SqlAudit) -> None:
        self._engine = engine
        self._audit = audit

    def propose(self, proposal: Proposal, entry: Entry) -> Proposal:
        """Keep a proposal under the next number, and return it with that.

        Raises ConflictError where that version is proposed for that channel already.
        """
        table = schema.proposals
        same = _open().where(table.c.image == proposal.image, table.c.channel == proposal.channel)
        with writing(self._engine) as connection:
            others = [_proposal(row) for row in connection.execute(same)]
            if known := open_for(others, proposal.wanted, proposal.channel):
                raise proposed_already(known)
            newest = connection.execute(select(func.max(table.c.number))).scalar_one()
            values = {**_proposal_row(proposal), "number": (newest or 0) + 1}
            connection.execute(insert(table).values(**values))
            details = {**entry.details, "proposal": values["number"]}
            self._audit.write(
                connection, entry.model_copy(update={"details": details}), proposal.at
            )
            row = connection.execute(select(table).filter_by(number=values["number"])).one()
            return _proposal(row)

    def proposals(self, image: str = "", *, every: bool = False) -> list[Proposal]:
        """Return the open proposals of one image or all, or every one, the newest first."""
        table = schema.proposals
        query = (select(table) if every else _open()).order_by(table.c.number.desc())
        if image:
            query = query.where(table.c.image == image)
        with reading(self._engine) as connection:
            return [_proposal(row) for row in connection.execute(query)]

    def proposal(self, number: int) -> Proposal | None:
        """Return a proposal, or None."""
        with reading(self._engine) as connection:
            return _find(connection, number)

    def end(self, proposal: Proposal, entry: Entry) -> None:
        """Keep that a proposal has come to its end; raises ConflictError where it had before."""
        with writing(self._engine) as connection:
            end_proposal(connection, proposal)
            self._audit.write(connection, entry, proposal.ended_at or proposal.at)

    def rebuilt(self, proposal: Proposal, entry: Entry, at: datetime) -> None:
        """Keep which version was rebuilt of a proposal; raises ConflictError if it comes late."""
        table = schema.proposals
        still_open = table.c.state == ProposalState.OPEN.value
        query = update(table).where(table.c.number == proposal.number, still_open)
        query = query.where(table.c.rebuilt == 0).values(rebuilt=proposal.rebuilt)
        with writing(self._engine) as connection:
            if not connection.execute(query).rowcount:
                raise ConflictError(
                    f"Proposal {proposal.number} is over, or was rebuilt meanwhile",
                    hint=f"See how it stands: herdbook proposal show {proposal.number}",
                )
            self._audit.write(connection, entry, at)

    def comments(self, proposal: int) -> list[Comment]:
        """Return what was said of a proposal, the oldest first."""
        if proposal > MAXIMUM_NUMBER:
            return []
        table = schema.proposal_comments
        query = select(table).where(table.c.proposal == proposal).order_by(table.c.id)
        with reading(self._engine) as connection:
            return [
                Comment(row.proposal, row.who, in_utc(row.at), row.said)
                for row in connection.execute(query)
            ]

    def comment(self, comment: Comment, entry: Entry) -> None:
        """Keep what somebody says of a proposal, be it open or not."""
        with writing(self._engine) as connection:
            values = {**asdict(comment), "at": comment.at.astimezone(UTC)}
            connection.execute(insert(schema.proposal_comments).values(**values))
            self._audit.write(connection, entry, comment.at)

    def approvals(self, proposal: int) -> list[Approval]:
        """Return the approvals of a proposal, the oldest first."""
        if proposal > MAXIMUM_NUMBER:
            return []
        table = schema.approvals
        query = select(table).where(table.c.proposal == proposal).order_by(table.c.id)
        with reading(self._engine) as connection:
            return [
                Approval(row.proposal, row.who, in_utc(row.at), Digest(row.evidence), row.said)
                for row in connection.execute(query)
            ]

    def approve(self, approval: Approval, entry: Entry) -> None:
        """Keep an approval; raises ConflictError where the proposal is no longer open."""
        with writing(self._engine) as connection:
            known = _find(connection, approval.proposal)
            if known is None or known.state is not ProposalState.OPEN:
                raise _not_open(approval.proposal)
            values = {**asdict(approval), "at": approval.at.astimezone(UTC)}
            connection.execute(insert(schema.approvals).values(**values))
            self._audit.write(connection, entry, approval.at)


def end_proposal(connection: Connection, proposal: Proposal) -> None:
    """Keep how a proposal ended, in somebody's transaction; raises ConflictError if it is over."""
    table = schema.proposals
    still_open = table.c.state == ProposalState.OPEN.value
    query = update(table).where(table.c.number == proposal.number, still_open)
    row = _proposal_row(proposal)
    values = {name: row[name] for name in ("state", "ended_at", "ended_by", "said")}
    if not connection.execute(query.values(**values)).rowcount:
        raise _not_open(proposal.number)
    drafts = schema.metadata_drafts  # what was signed for it must not be published any more
    connection.execute(delete(drafts).where(drafts.c.proposal == proposal.number))


def _open() -> Select[Any]:
    table = schema.proposals
    return select(table).where(table.c.state == ProposalState.OPEN.value)


def _not_open(number: int) -> ConflictError:
    return ConflictError(
        f"Proposal {number} is not open any more",
        hint=f"See how it ended: herdbook proposal show {number}",
    )


def _find(connection: Connection, number: int) -> Proposal | None:
    if number > MAXIMUM_NUMBER:
        return None
    row = connection.execute(select(schema.proposals).filter_by(number=number)).one_or_none()
    return _proposal(row) if row is not None else None


def _proposal_row(proposal: Proposal) -> dict[str, Any]:
    ended = proposal.ended_at.astimezone(UTC) if proposal.ended_at else None
    at = proposal.at.astimezone(UTC)
    return {**asdict(proposal), "state": proposal.state.value, "at": at, "ended_at": ended}


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        number=row.number,
        image=row.image,
        channel=row.channel,
        version=row.version,
        digest=Digest(row.digest),
        who=row.who,
        at=in_utc(row.at),
        why=row.why,
        state=ProposalState(row.state),
        ended_at=in_utc(row.ended_at) if row.ended_at else None,
        ended_by=row.ended_by,
        said=row.said,
        sources=Digest(row.sources) if row.sources else None,
        rebuilt=row.rebuilt,
    )
