"""Keeps out what a server writes too late: each of its transactions asks whether it is on duty."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from herdbook.core.errors import ConflictError

FENCE = "herdbook_fence"
"""The option of an engine under which its fence is found."""

_IDLE_MILLISECONDS = 5000
"""A server that is stopped within a transaction must not keep others out for longer."""


@dataclass
class Fence:
    """The epoch in which this program is on duty; None for a command, which is never refused."""

    epoch: int | None = None


def fence_of(connection: Connection) -> Fence | None:
    """Return the fence around what a connection writes, if there is one."""
    fence: Fence | None = connection.get_execution_options().get(FENCE)
    return fence if fence is not None and fence.epoch is not None else None


def limit_idleness(connection: Connection) -> None:
    """Have PostgreSQL end this transaction where its program is stopped."""
    connection.exec_driver_sql(
        f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MILLISECONDS}"
    )


def refuse_late(connection: Connection, fence: Fence) -> None:
    """Raise ConflictError where another server is on duty; whoever takes over writes, too."""
    epoch = connection.execute(text("SELECT epoch FROM server_duty")).scalar_one_or_none()
    if epoch != fence.epoch:
        raise ConflictError(
            "Another server works now: what this one wanted to write is not kept",
            hint="See which one: herdbook serve --status",
        )
