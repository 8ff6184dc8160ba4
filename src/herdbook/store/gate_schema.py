"""The tables of what gates ask for, as SQLAlchemy describes them."""

from sqlalchemy import Column, DateTime, Integer, LargeBinary, String, Table, Text

from herdbook.store.schema import DigestColumn, metadata

test_results = Table(
    "test_results",
    metadata,
    Column("image", String(200), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("text", DigestColumn, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("statement", LargeBinary, nullable=False),
)
"""The newest result of what was done to a version; `text` names what was run."""

gate_exceptions = Table(
    "gate_exceptions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), nullable=False),
    Column("images", String(200), nullable=False),
    Column("component", Text, nullable=False),
    Column("owner", String(100), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    Column("who", String(100), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", String(100), nullable=False),
    Column("key", String(64), nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
