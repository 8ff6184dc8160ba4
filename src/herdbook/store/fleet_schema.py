"""The tables of applications, as SQLAlchemy describes them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from herdbook.store.schema import DigestColumn, metadata


def _application(*, primary_key: bool = False, index: bool = False) -> Column[int]:
    return Column(
        "application_id",
        ForeignKey("applications.id", ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
        index=index,
    )


applications = Table(
    "applications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(63), nullable=False, unique=True),
    Column("folder", Text, nullable=False),
    Column("standing", Integer, nullable=False),
    Column("networks", JSON, nullable=False),
)

releases = Table(
    "releases",
    metadata,
    _application(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", DigestColumn, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("cause", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    _application(primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("saved", Integer, nullable=False),
    Column("content", JSON, nullable=False),
)

instances = Table(
    "instances",
    metadata,
    _application(primary_key=True),
    Column("component", String(63), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("revision", DigestColumn, nullable=False),
    Column("release", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("served_at", DateTime(timezone=True)),
    Column("weight", Integer, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("reason", Text, nullable=False),
)

slots = Table(
    "slots",
    metadata,
    _application(primary_key=True),
    Column("component", String(63), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", DateTime(timezone=True)),
)

happenings = Table(
    "happenings",
    metadata,
    Column("id", Integer, primary_key=True),
    _application(index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("component", String(63), nullable=False),
    Column("instance", String(100), nullable=False),
    Column("words", Text, nullable=False),
)

sealed_secrets = Table(
    "sealed_secrets",
    metadata,
    Column("application", String(63), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("fingerprint", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

server_duty = Table(
    "server_duty",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, nullable=False),
    Column("beats", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
    Column("machine", String(64), nullable=False),
    Column("state", Text, nullable=False),
    Column("mark", String(64), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("held", Boolean, nullable=False),
    Column("disturbances", Integer, nullable=False),
)
"""One row, the server that works; none in a file, where there can be but one."""
