"""The register of applications in SQL: what they are, their releases and their rollouts."""

from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    Table,
    delete,
    insert,
    select,
    update,
)

from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.fleet.applications import Release, Settings
from herdbook.fleet.networks import NetworkPlan
from herdbook.rollouts.model import Rollout, RolloutState
from herdbook.rollouts.ports import Application
from herdbook.store import fleet_schema as schema
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.packing import pack, unpack


class SqlApplications:
    """Applications in a database; every reading and writing is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def every(self) -> list[Application]:
        """Return all applications by name."""
        table = schema.applications
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.name))
            return [_application(row) for row in rows]

    def find(self, name: str) -> Application | None:
        """Return an application, or None."""
        table = schema.applications
        with reading(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
            return _application(row) if row is not None else None

    def keep(self, application: Application) -> None:
        """Keep an application, new or changed."""
        table = schema.applications
        values = {
            "folder": application.folder,
            "standing": application.standing,
            "networks": {
                name: [plan.name, str(plan.subnet), plan.domain, plan.internal]
                for name, plan in application.networks.items()
            },
        }
        with writing(self._engine) as connection:
            named = table.c.name == application.name
            if not connection.execute(update(table).where(named).values(**values)).rowcount:
                connection.execute(insert(table).values(name=application.name, **values))

    def forget(self, name: str) -> None:
        """Remove an application with all that is kept of it."""
        table = schema.applications
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(table.c.name == name))

    def add(self, settings: Settings, now: datetime, cause: str = "") -> Release:
        """Keep settings as a new release; return the newest one if it has just these."""
        table = schema.releases
        with writing(self._engine) as connection:
            identity = identity_of(connection, settings.application)
            newest = connection.execute(
                _newest_first(table, settings.application).limit(1)
            ).one_or_none()
            if newest is not None and newest.digest == settings.digest:
                return _release(settings.application, newest)
            number = newest.number + 1 if newest is not None else 1
            values = {
                "application_id": identity,
                "number": number,
                "digest": settings.digest,
                "made_at": now.astimezone(UTC),
                "cause": cause,
                "content": pack(settings.model_dump_json()),
            }
            connection.execute(insert(table).values(**values))
        return Release(
            application=settings.application,
            number=number,
            settings=settings,
            made_at=now,
            cause=cause,
        )

    def release(self, application: str, number: int) -> Release | None:
        """Return a release, or None."""
        table = schema.releases
        with reading(self._engine) as connection:
            query = of_application(table, application).where(table.c.number == number)
            row = connection.execute(query).one_or_none()
            return _release(application, row) if row is not None else None

    def releases(self, application: str, most: int | None = None) -> list[Release]:
        """Return all of them, or the `most` newest, the newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(_newest_first(schema.releases, application).limit(most))
            return [_release(application, row) for row in rows]

    def begin(self, rollout: Rollout) -> Rollout:
        """Keep a new rollout under the next number; one that is not over is superseded."""
        table = schema.rollouts
        with writing(self._engine) as connection:
            identity = identity_of(connection, rollout.application)
            newest = connection.execute(
                _newest_first(table, rollout.application).limit(1)
            ).one_or_none()
            number = 1
            if newest is not None:
                number = newest.number + 1
                before = _rollout(newest)
                if not before.over:
                    reason = f"rollout {number} goes on from here"
                    over = before.moved(RolloutState.SUPERSEDED, rollout.began_at, reason)
                    save_rollout(connection, identity, over, before)
            made = rollout.model_copy(update={"number": number, "saved": 0})
            values = {
                "application_id": identity,
                "number": number,
                "state": made.state.value,
                "saved": 0,
                "content": made.model_dump(mode="json"),
            }
            connection.execute(insert(table).values(**values))
        return made

    def newest(self, application: str) -> Rollout | None:
        """Return the newest rollout, or None."""
        with reading(self._engine) as connection:
            query = _newest_first(schema.rollouts, application).limit(1)
            row = connection.execute(query).one_or_none()
            return _rollout(row) if row is not None else None

    def rollouts(self, application: str) -> list[Rollout]:
        """Return all of them, the newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(_newest_first(schema.rollouts, application))
            return [_rollout(row) for row in rows]

    def save(self, rollout: Rollout, before: Rollout) -> bool:
        """Keep a rollout if it is still as `before` says; tell whether it was."""
        with writing(self._engine) as connection:
            identity = identity_of(connection, rollout.application)
            return save_rollout(connection, identity, rollout, before)


def identity_of(connection: Connection, application: str) -> int:
    """Return the number that rows of an application have; raises NotFoundError."""
    table = schema.applications
    query = select(table.c.id).where(table.c.name == application)
    found: int | None = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise NotFoundError(
            f"There is no application {application!r}", hint="See which there are: herdbook ps"
        )
    return found


def save_rollout(connection: Connection, identity: int, rollout: Rollout, before: Rollout) -> bool:
    """Keep a rollout if nobody else has changed it since `before` was read."""
    if rollout.number != before.number:
        raise ConflictError("A rollout keeps its number")
    table = schema.rollouts
    saved = rollout.model_copy(update={"saved": before.saved + 1})
    query = (
        update(table)
        .where(table.c.application_id == identity, table.c.number == rollout.number)
        .where(table.c.saved == before.saved)
        .values(state=saved.state.value, saved=saved.saved, content=saved.model_dump(mode="json"))
    )
    return bool(connection.execute(query).rowcount)


def of_application(table: Table, application: str) -> Select[tuple[Any, ...]]:
    """Return a query for the rows of a table that are an application's."""
    owner = select(schema.applications.c.id).where(schema.applications.c.name == application)
    return select(table).where(table.c.application_id == owner.scalar_subquery())


def _newest_first(table: Table, application: str) -> Select[tuple[Any, ...]]:
    return of_application(table, application).order_by(table.c.number.desc())


def _application(row: Row[tuple[object, ...]]) -> Application:
    networks = {
        key: NetworkPlan(name, IPv4Network(subnet), domain, internal)
        for key, (name, subnet, domain, internal) in row.networks.items()
    }
    return Application(row.name, row.folder, row.standing, networks)


def _release(application: str, row: Row[tuple[object, ...]]) -> Release:
    return Release(
        application=application,
        number=row.number,
        settings=Settings.model_validate_json(unpack(row.content)),
        made_at=in_utc(row.made_at),
        cause=row.cause,
    )


def _rollout(row: Row[tuple[object, ...]]) -> Rollout:
    return Rollout.model_validate({**row.content, "saved": row.saved})
