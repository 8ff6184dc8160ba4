"""The register of campaigns in SQL."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import (
    OPEN,
    OVER,
    Budget,
    Campaign,
    CampaignState,
    Change,
    Failure,
    Follower,
    LockChange,
    Made,
    NewCampaign,
    Proof,
    Target,
    Verify,
    require_move,
)
from herdbook.core.errors import NotFoundError
from herdbook.core.locks import locked_soon
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.packing import pack, unpack
from herdbook.store.proofs import keep_proof, read_proof

_TARGETS = TypeAdapter(tuple[Target, ...])
_ADVISORY_LOCKS = 0x63616D70  # "camp": PostgreSQL's locks by number are shared by all its users
_TRIES = 5


class SqlCampaigns:
    """Campaigns in a database; every reading and writing is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, new: NewCampaign) -> tuple[Campaign, bool]:
        """Keep a new campaign, or return the open one that is about the same."""
        with writing(self._engine) as connection:
            table = schema.campaigns
            states = [state.value for state in OPEN]
            query = select(table).where(table.c.state.in_(states)).order_by(table.c.id)
            for row in connection.execute(query):
                if tuple(row.sources) == new.sources:
                    return _campaign(row), True
            values = {
                "state": CampaignState.RUNNING.value,
                "sources": list(new.sources),
                "targets": pack(_TARGETS.dump_json(new.targets).decode()),
                "budget": new.budget.model_dump(mode="json"),
                "verify": new.verify.value,
                "created_at": new.created_at.astimezone(UTC),
                "planned": dict(new.planned),
            }
            made = connection.execute(insert(table).values(**values).returning(table)).one()
            return _campaign(made), False

    def find(self, number: int) -> Campaign | None:
        """Return a campaign, or None."""
        with reading(self._engine) as connection:
            row = _row(connection, number)
            return _campaign(row) if row is not None else None

    def every(self) -> list[Campaign]:
        """Return all campaigns, the newest first."""
        table = schema.campaigns
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.id.desc()))
            return [_campaign(row) for row in rows]

    def move(self, number: int, state: CampaignState, now: datetime) -> Campaign:
        """Bring a campaign into another state."""
        table = schema.campaigns
        with writing(self._engine) as connection:
            row = _row(connection, number)
            if row is None:
                raise NotFoundError(f"There is no campaign {number}")
            before = CampaignState(row.state)
            if before is state:
                return _campaign(row)
            require_move(number, before, state)
            ended = now.astimezone(UTC) if state in OVER else None
            values = {"state": state.value, "ended_at": ended}
            changed = update(table).where(table.c.id == number).values(**values).returning(table)
            return _campaign(connection.execute(changed).one())

    @contextmanager
    def work(self, number: int) -> Iterator[bool]:
        """Be the only process that works at a campaign, or learn that there is another."""
        if self._engine.dialect.name == "sqlite":
            path = Path(str(self._engine.url.database))
            with path.with_name(f".{path.name}.campaign-{number}").open("w") as file:
                yield locked_soon(file, _TRIES)
        else:
            with self._engine.connect() as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                words = text("SELECT pg_try_advisory_lock(:kind, :number)")
                values = {"kind": _ADVISORY_LOCKS, "number": number}
                try:
                    yield bool(connection.execute(words, values).scalar_one())
                finally:
                    connection.invalidate()  # the lock is the connection's: it must not be kept

    def keep_proof(self, number: int, proof: Proof) -> int:
        """Keep a proof of a campaign and return its number."""
        with writing(self._engine) as connection:
            return keep_proof(connection, number, proof)

    def proof(self, number: int) -> Proof:
        """Return a proof; raises NotFoundError."""
        with reading(self._engine) as connection:
            return read_proof(connection, number)

    def fail(self, number: int, failures: Iterable[Failure]) -> None:
        """Say that images could not follow, in place of what was said of them before."""
        table = schema.campaign_failures
        last = {each.image: each for each in failures}
        rows = [
            {"campaign_id": number, "image": each.image, "number": each.number}
            | {"words": each.words}
            for each in last.values()
        ]
        if not rows:
            return
        with writing(self._engine) as connection:
            for chunk in chunks(row["image"] for row in rows):
                connection.execute(
                    delete(table).where(table.c.campaign_id == number, table.c.image.in_(chunk))
                )
            connection.execute(insert(table), rows)

    def failures(self, number: int) -> list[Failure]:
        """Return the images that could not follow, by name."""
        table = schema.campaign_failures
        query = select(table).where(table.c.campaign_id == number, ~_has_followed(number))
        query = query.order_by(table.c.image)
        with reading(self._engine) as connection:
            return [Failure(row.image, row.number, row.words) for row in connection.execute(query)]

    def forgive(self, number: int) -> None:
        """Forget which images could not follow."""
        table = schema.campaign_failures
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.campaign_id == number))

    def count(self, number: int) -> Mapping[Way, int]:
        """Return how many versions a campaign made in which way."""
        proofs, causes = schema.proofs.c, schema.version_causes.c
        query = (
            select(proofs.way, func.count())
            .join(schema.version_causes, causes.proof_id == proofs.id)
            .where(proofs.campaign_id == number)
            .group_by(proofs.way)
        )
        with reading(self._engine) as connection:
            return {Way(way): count for way, count in connection.execute(query)}

    def followers(self, number: int, skip: int = 0, limit: int | None = None) -> list[Follower]:
        """Return the versions that a campaign made, in the order in which they were made."""
        images, versions = schema.images.c, schema.versions.c
        proofs, causes = schema.proofs.c, schema.version_causes.c
        query = (
            _of_causes(images.name, versions.number, causes.before, proofs.way, proofs.id)
            .join(schema.images, images.id == versions.image_id)
            .where(proofs.campaign_id == number)
            .order_by(causes.version_id)
            .offset(skip)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [
                Follower(image, version, before, Way(way), proof)
                for image, version, before, way, proof in connection.execute(query)
            ]

    def lock_changes(self, number: int) -> list[LockChange]:
        """Return which locks a campaign put in the place of which, each pair once."""
        homes, causes, proofs = schema.homes.c, schema.version_causes.c, schema.proofs.c
        versions, new, old = schema.versions.c, schema.locks.alias("new"), schema.locks.alias("old")
        query = (
            _of_causes(homes.path, old.c.content, new.c.content)
            .join(schema.homes, homes.id == versions.home_id)
            .join(old, old.c.id == causes.lock_before_id)
            .join(new, new.c.id == versions.lock_id)
            .where(proofs.campaign_id == number)
            .distinct()
        )
        with reading(self._engine) as connection:
            return [
                LockChange(path, unpack(one), unpack(other))
                for path, one, other in connection.execute(query)
            ]

    def changes(self, image: str) -> set[Change]:
        """Return what campaigns have changed in any version of an image."""
        images = schema.images.c
        query = (
            _of_causes(schema.proofs.c.id)
            .join(schema.images, images.id == schema.versions.c.image_id)
            .where(images.name == image)
            .distinct()
        )
        with reading(self._engine) as connection:
            proofs = connection.execute(query).scalars().all()
            return {change for proof in proofs for change in read_proof(connection, proof).changes}

    def cause(self, image: str, number: int) -> Made | None:
        """Return what made a version, or None."""
        if number > schema.MAXIMUM_NUMBER:
            return None
        images, versions = schema.images.c, schema.versions.c
        proofs, causes = schema.proofs.c, schema.version_causes.c
        query = (
            _of_causes(proofs.campaign_id, proofs.id, causes.before)
            .join(schema.images, images.id == versions.image_id)
            .where(images.name == image, versions.number == number)
        )
        with reading(self._engine) as connection:
            found = connection.execute(query).first()
            row = _row(connection, found[0]) if found else None
            if found is None or row is None:
                return None
            return Made(_campaign(row), read_proof(connection, found[1]), found[2])


def _of_causes(*columns: ColumnElement[Any]) -> Select[Any]:
    """Return a query over the versions that campaigns made, with the proofs of those."""
    proofs, causes, versions = schema.proofs.c, schema.version_causes.c, schema.versions.c
    return (
        select(*columns)
        .select_from(schema.version_causes)
        .join(schema.proofs, proofs.id == causes.proof_id)
        .join(schema.versions, versions.id == causes.version_id)
    )


def _row(connection: Connection, number: int) -> Row[Any] | None:
    table = schema.campaigns
    if number > schema.MAXIMUM_NUMBER:
        return None
    return connection.execute(select(table).where(table.c.id == number)).first()


def _campaign(row: Row[Any]) -> Campaign:
    return Campaign(
        number=row.id,
        state=CampaignState(row.state),
        sources=tuple(row.sources),
        targets=_TARGETS.validate_json(unpack(row.targets)),
        budget=Budget.model_validate(row.budget),
        verify=Verify(row.verify),
        created_at=in_utc(row.created_at),
        ended_at=in_utc(row.ended_at) if row.ended_at else None,
        planned=row.planned,
    )


def _has_followed(number: int) -> ColumnElement[bool]:
    """Return whether an image could follow after all: what it waited for has come meanwhile."""
    failures, proofs, causes = schema.campaign_failures.c, schema.proofs.c, schema.version_causes.c
    images, versions = schema.images.c, schema.versions.c
    return (
        exists()
        .where(images.name == failures.image, versions.image_id == images.id)
        .where(causes.version_id == versions.id, causes.proof_id == proofs.id)
        .where(proofs.campaign_id == number, versions.number > failures.number)
    )
