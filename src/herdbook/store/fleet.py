"""The register of what applications run: instances, what happened in slots, and in words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from herdbook.core.digests import Digest
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.ports import Changes, Happening
from herdbook.rollouts.situation import SlotHistory
from herdbook.store import fleet_schema as schema
from herdbook.store.applications import SqlApplications, identity_of, of_application, save_rollout
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc

_KEPT_HAPPENINGS = 10_000
"""So many of an application's newest happenings are kept: of one that fails for ever, a week's."""

_FORGOTTEN_AFTER = 500
"""After so many new ones, the oldest are forgotten: looking for them each time would cost more."""


class SqlFleet(SqlApplications):
    """Applications with their instances; every reading and writing is one transaction."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._new_happenings: Counter[int] = Counter()

    def instances(self, application: str) -> list[Instance]:
        """Return an application's instances."""
        table = schema.instances
        with reading(self._engine) as connection:
            rows = connection.execute(
                of_application(table, application).order_by(
                    table.c.component, table.c.slot, table.c.attempt
                )
            )
            return [_instance(application, row) for row in rows]

    def histories(self, application: str) -> Mapping[tuple[str, int], SlotHistory]:
        """Return what happened in its slots, by component and slot."""
        table = schema.slots
        with reading(self._engine) as connection:
            rows = connection.execute(of_application(table, application))
            return {
                (row.component, row.slot): SlotHistory(
                    row.attempts, row.failures, in_utc(row.failed_at) if row.failed_at else None
                )
                for row in rows
            }

    def record(self, application: str, changes: Changes) -> None:
        """Keep what a look has changed, in one transaction."""
        with writing(self._engine) as connection:
            identity = identity_of(connection, application)
            _take_out(
                connection, schema.instances, [_row(identity, each) for each in changes.removed]
            )
            _put(connection, schema.instances, [_row(identity, each) for each in changes.instances])
            _put(connection, schema.slots, _history_rows(identity, changes.histories))
            kept = True
            if changes.rollout is not None and changes.rollout_before is not None:
                kept = save_rollout(connection, identity, changes.rollout, changes.rollout_before)
            if changes.standing is not None and kept:
                mine = schema.applications.c.id == identity
                values = {"standing": changes.standing}
                connection.execute(update(schema.applications).where(mine).values(**values))
            if changes.happenings:
                rows = [_happening_row(identity, each) for each in changes.happenings]
                connection.execute(insert(schema.happenings), rows)
                self._forget_old(connection, identity, len(rows))

    def _forget_old(self, connection: Connection, identity: int, new: int) -> None:
        self._new_happenings[identity] += new
        if self._new_happenings[identity] < _FORGOTTEN_AFTER:
            return
        self._new_happenings[identity] = 0
        table = schema.happenings.c
        mine = select(table.id).where(table.application_id == identity)
        oldest = mine.order_by(table.id.desc()).offset(_KEPT_HAPPENINGS - 1).limit(1)
        connection.execute(
            delete(schema.happenings).where(
                table.application_id == identity, table.id < oldest.scalar_subquery()
            )
        )

    def happenings(self, application: str, after: int = 0, most: int = 1000) -> list[Happening]:
        """Return what happened after that number, the oldest first; the newest if too many."""
        table = schema.happenings
        query = (
            of_application(table, application)
            .where(table.c.id > after)
            .order_by(table.c.id.desc())
            .limit(most)
        )
        with reading(self._engine) as connection:
            rows = list(connection.execute(query))
        return [
            Happening(in_utc(row.at), row.words, row.component, row.instance, row.id)
            for row in reversed(rows)
        ]


def _take_out(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Remove the rows with the keys of these."""
    keys = [each.name for each in table.primary_key]
    if rows:
        same = [table.c[key] == bindparam(f"of_{key}") for key in keys]
        connection.execute(
            delete(table).where(*same), [{f"of_{key}": row[key] for key in keys} for row in rows]
        )


def _put(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Put rows into a table, in place of those with their keys: a thousand as quickly as one."""
    _take_out(connection, table, rows)
    if rows:
        connection.execute(insert(table), rows)


def _history_rows(
    identity: int, histories: Mapping[tuple[str, int], SlotHistory]
) -> list[dict[str, object]]:
    return [
        {
            "application_id": identity,
            "component": component,
            "slot": slot,
            "attempts": history.attempts,
            "failures": history.failures,
            "failed_at": _utc(history.failed_at),
        }
        for (component, slot), history in histories.items()
    ]


def _row(identity: int, instance: Instance) -> dict[str, object]:
    return {
        "application_id": identity,
        "component": instance.component,
        "slot": instance.slot,
        "attempt": instance.attempt,
        "revision": instance.revision,
        "release": instance.release,
        "role": instance.role.value,
        "made_at": _utc(instance.made_at),
        "since": _utc(instance.since),
        "served_at": _utc(instance.served_at),
        "weight": instance.weight,
        "addresses": {name: str(address) for name, address in instance.addresses.items()},
        "reason": _storable(instance.reason),
    }


def _happening_row(identity: int, happening: Happening) -> dict[str, object]:
    return {
        "application_id": identity,
        "at": _utc(happening.at),
        "component": happening.component,
        "instance": happening.instance,
        "words": _storable(happening.words),
    }


def _instance(application: str, row: Row[tuple[object, ...]]) -> Instance:
    return Instance(
        application=application,
        component=row.component,
        slot=row.slot,
        attempt=row.attempt,
        revision=Digest(row.revision),
        release=row.release,
        role=Role(row.role),
        made_at=in_utc(row.made_at),
        since=in_utc(row.since),
        addresses={name: IPv4Address(text) for name, text in row.addresses.items()},
        weight=row.weight,
        served_at=in_utc(row.served_at) if row.served_at else None,
        reason=row.reason,
    )


def _storable(words: str) -> str:
    """Return words as both databases take them: an instance may say anything."""
    return words.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment else None
