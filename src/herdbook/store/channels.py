"""The register of channels in SQL: assignments, holds, revocations and rules."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, insert, or_, select, update

from herdbook.audit.chain import Entry
from herdbook.channels.model import Assignment, Hold, Level, Made, Revocation, Way
from herdbook.channels.proposals import Proposal
from herdbook.channels.rules import ChannelRules
from herdbook.channels.signing import assignment_statement, follow_entry
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.metadata.model import Document
from herdbook.signatures.ports import KeyRing
from herdbook.store import channel_schema as schema
from herdbook.store.audit import SqlAudit
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.exceptions import SqlExceptions
from herdbook.store.metadata import keep_documents
from herdbook.store.moments import in_utc
from herdbook.store.proposals import SqlProposals, end_proposal
from herdbook.store.results import SqlResults

_ONE = 1


class SqlChannels(SqlProposals, SqlResults, SqlExceptions):
    """Channels in a database; every change is one transaction, its audit record included.

    With a `ring`, what a channel gets is signed when it is kept.
    """

    def __init__(self, engine: Engine, audit: SqlAudit, ring: KeyRing | None = None) -> None:
        super().__init__(engine, audit)
        self._ring = ring

    def every(self, image: str = "") -> list[Assignment]:
        """Return the newest assignment of each channel, by image and channel."""
        table, heads = schema.assignments, schema.channels.c
        same = and_(table.c.image == heads.image, table.c.channel == heads.channel)
        query = select(table).join(schema.channels, and_(same, table.c.number == heads.newest))
        if image:  # of which there may be very many assignments, but few channels
            query = query.where(heads.image == image)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(heads.image, heads.channel))
            return [_assignment(row) for row in rows]

    def history(
        self, image: str, channel: str, most: int | None = None, *, version: int | None = None
    ) -> list[Assignment]:
        """Return a channel's assignments, or the `most` newest, the newest first."""
        table = schema.assignments
        query = (
            select(table)
            .where(table.c.image == image, table.c.channel == channel)
            .order_by(table.c.number.desc())
            .limit(most)
        )
        if version is not None:
            query = query.where(table.c.version == version)
        with reading(self._engine) as connection:
            return [_assignment(row) for row in connection.execute(query)]

    def assign(
        self,
        assignments: Sequence[Assignment],
        entry: Entry,
        ends: Sequence[Proposal] = (),
        documents: Sequence[Document] = (),
    ) -> None:
        """Keep assignments, all or none; raises ConflictError for one that comes too late."""
        with writing(self._engine) as connection:
            _refuse_held(connection, assignments)
            for proposal in ends:
                end_proposal(connection, proposal)
            keep_documents(connection, self._audit, documents, entry.who, assignments[0].at)
            for assignment in assignments:
                self._assign(connection, assignment)
            self._audit.write(connection, entry, assignments[0].at)
            for each in assignments[1:]:
                self._audit.write(connection, follow_entry(entry, each), each.at)

    def _assign(self, connection: Connection, each: Assignment) -> None:
        heads = schema.channels
        mine = and_(heads.c.image == each.image, heads.c.channel == each.channel)
        found = connection.execute(select(heads.c.newest).where(mine)).scalar_one_or_none()
        if (found or 0) != each.number - 1:
            raise ConflictError(
                f"{each.image}@{each.channel} was moved meanwhile",
                hint=f"See by whom: herdbook channel history {each.image}@{each.channel}",
            )
        values = {**_in_utc(self._signed(each)), "way": each.way.value}
        connection.execute(insert(schema.assignments).values(**values))
        if found is None:
            row = {"image": each.image, "channel": each.channel, "newest": each.number}
            connection.execute(insert(heads).values(**row))
        else:
            connection.execute(update(heads).where(mine).values(newest=each.number))

    def _signed(self, assignment: Assignment) -> Assignment:
        if self._ring is None:
            return assignment
        envelope = self._ring.sign(lambda _: assignment_statement(assignment))
        return replace(assignment, key=envelope.key, signature=envelope.signature)

    def holds(self, image: str = "") -> list[Hold]:
        """Return the holds of one image's channels, or all."""
        table = schema.channel_holds
        query = select(table).order_by(table.c.image, table.c.channel)
        if image:
            query = query.where(table.c.image == image)
        with reading(self._engine) as connection:
            return [
                Hold(row.image, row.channel, in_utc(row.at), row.who, row.why)
                for row in connection.execute(query)
            ]

    def hold(self, hold: Hold, entry: Entry) -> None:
        """Keep a hold; another one of that channel is replaced."""
        table = schema.channel_holds
        mine = and_(table.c.image == hold.image, table.c.channel == hold.channel)
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(mine))
            connection.execute(insert(table).values(**_in_utc(hold)))
            self._audit.write(connection, entry, hold.at)

    def release(self, image: str, channel: str, entry: Entry, at: datetime) -> bool:
        """Remove a hold; tell whether there was one."""
        table = schema.channel_holds
        mine = and_(table.c.image == image, table.c.channel == channel)
        with writing(self._engine) as connection:
            if not connection.execute(delete(table).where(mine)).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def revocations(self, made: Collection[Made] | None = None) -> Mapping[Made, Revocation]:
        """Return the revocations of these versions, or all."""
        table = schema.revocations
        found: dict[Made, Revocation] = {}
        with reading(self._engine) as connection:
            for query in _chosen(made):
                for row in connection.execute(query.order_by(table.c.image, table.c.version)):
                    found[row.image, row.version] = _revocation(row)
        return found

    def revoke(self, revocation: Revocation, entry: Entry) -> None:
        """Keep a revocation; another one of that version is replaced."""
        table = schema.revocations
        since = {
            level.value: moment.astimezone(UTC).isoformat()
            for level, moment in revocation.since.items()
        }
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(_is(revocation.image, revocation.version)))
            connection.execute(insert(table).values(**{**_in_utc(revocation), "since": since}))
            self._audit.write(connection, entry, revocation.at)

    def reinstate(self, made: Made, entry: Entry, at: datetime) -> bool:
        """Remove a revocation; tell whether there was one."""
        with writing(self._engine) as connection:
            if not connection.execute(delete(schema.revocations).where(_is(*made))).rowcount:
                return False
            self._audit.write(connection, entry, at)
        return True

    def add_served(self, versions: Collection[Made], time: timedelta) -> None:
        """Add to the time in which versions have truly served."""
        table, seconds = schema.served_times, time.total_seconds()
        with writing(self._engine) as connection:
            for image, version in versions:
                mine = and_(table.c.image == image, table.c.version == version)
                more = update(table).where(mine).values(seconds=table.c.seconds + seconds)
                if not connection.execute(more).rowcount:
                    row = {"image": image, "version": version, "seconds": seconds}
                    connection.execute(insert(table).values(**row))

    def served(self, made: Made) -> timedelta:
        """Return for how long a version has truly served, in all."""
        table = schema.served_times.c
        query = select(table.seconds).where(table.image == made[0], table.version == made[1])
        with reading(self._engine) as connection:
            return timedelta(seconds=connection.execute(query).scalar_one_or_none() or 0.0)

    def rules(self) -> ChannelRules:
        """Return the rules: none where nobody has given any."""
        with reading(self._engine) as connection:
            content = connection.execute(
                select(schema.channel_rules.c.content)
            ).scalar_one_or_none()
        return ChannelRules.model_validate(content or {})

    def set_rules(self, rules: ChannelRules, entry: Entry, at: datetime) -> None:
        """Put rules in place of those before."""
        table = schema.channel_rules
        content = rules.model_dump(mode="json", by_alias=True)
        with writing(self._engine) as connection:
            connection.execute(delete(table))
            connection.execute(insert(table).values(id=_ONE, content=content))
            self._audit.write(connection, entry, at)


def _in_utc(kept: Assignment | Hold | Revocation) -> dict[str, Any]:
    """Return the values of a row: SQLite forgets the zone of a time."""
    return {**asdict(kept), "at": kept.at.astimezone(UTC)}


def _refuse_held(connection: Connection, assignments: Sequence[Assignment]) -> None:
    """Raise ConflictError where somebody has begun to hold one of the channels."""
    holds = schema.channel_holds
    for each in assignments:
        mine = and_(holds.c.image == each.image, holds.c.channel == each.channel)
        held = connection.execute(select(holds.c.who).where(mine)).scalar_one_or_none()
        if held is not None:
            raise ConflictError(
                f"{each.image}@{each.channel} is held by {held}",
                hint="See why: herdbook channel ls, and run the same command again after that.",
            )


def _chosen(made: Collection[Made] | None) -> Iterable[Any]:
    query = select(schema.revocations)
    if made is None:
        return [query]
    return (
        query.where(or_(*(_is(image, version) for image, version in chunk)))
        for chunk in chunks(made)
    )


def _is(image: str, version: int) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy's
    table = schema.revocations.c
    return and_(table.image == image, table.version == version)


def _assignment(row: Row[Any]) -> Assignment:
    return Assignment(
        row.image,
        row.channel,
        row.number,
        row.version,
        Digest(row.digest),
        in_utc(row.at),
        row.who,
        row.why,
        Way(row.way),
        row.key,
        row.signature,
    )


def _revocation(row: Row[Any]) -> Revocation:
    since = {Level(name): datetime.fromisoformat(moment) for name, moment in row.since.items()}
    return Revocation(
        row.image, row.version, in_utc(row.at), row.who, row.reason, since, row.inherited
    )
