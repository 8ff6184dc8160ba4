"""The tables of channels and of the audit, as SQLAlchemy describes them."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from herdbook.store.schema import DigestColumn, metadata

_IMAGE = String(200)
_CHANNEL = String(63)
_WHO = String(100)
_ROLE = String(100)

assignments = Table(
    "assignments",
    metadata,
    Column("image", _IMAGE, primary_key=True),
    Column("channel", _CHANNEL, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _WHO, nullable=False),
    Column("why", Text, nullable=False),
    Column("way", String(16), nullable=False),
    Column("key", String(64), nullable=False, server_default=""),
    Column("signature", LargeBinary, nullable=False, server_default=""),
)

channels = Table(
    "channels",
    metadata,
    Column("image", _IMAGE, primary_key=True),
    Column("channel", _CHANNEL, primary_key=True),
    Column("newest", Integer, nullable=False),
)
"""The number of each channel's newest assignment: there may be very many in all."""

channel_holds = Table(
    "channel_holds",
    metadata,
    Column("image", _IMAGE, primary_key=True),
    Column("channel", _CHANNEL, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _WHO, nullable=False),
    Column("why", Text, nullable=False),
)

revocations = Table(
    "revocations",
    metadata,
    Column("image", _IMAGE, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _WHO, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", JSON, nullable=False),
    Column("inherited", Boolean, nullable=False),
)

channel_rules = Table(
    "channel_rules",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
)
"""One row, the rules in force."""

served_times = Table(
    "served_times",
    metadata,
    Column("image", _IMAGE, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("seconds", Float, nullable=False),
)
"""For how long versions have truly served."""

proposals = Table(
    "proposals",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("image", _IMAGE, nullable=False),
    Column("channel", _CHANNEL, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("who", _WHO, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("why", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", _WHO, nullable=False),
    Column("said", Text, nullable=False),
    Column("sources", DigestColumn),
    Column("rebuilt", Integer, nullable=False, server_default="0"),
)

proposal_comments = Table(
    "proposal_comments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("proposal", ForeignKey("proposals.number"), nullable=False, index=True),
    Column("who", _WHO, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("said", Text, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("proposal", ForeignKey("proposals.number"), nullable=False, index=True),
    Column("who", _WHO, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("evidence", DigestColumn, nullable=False),
    Column("said", Text, nullable=False),
)

metadata_documents = Table(
    "metadata_documents",
    metadata,
    Column("role", _ROLE, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

metadata_drafts = Table(
    "metadata_drafts",
    metadata,
    Column("role", _ROLE, primary_key=True),
    Column("proposal", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""What so many keys still have to sign; of a proposal, or of none (0)."""

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("address", Text, nullable=False),
    Column("verbs", JSON, nullable=False),
    Column("subjects", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("again_at", DateTime(timezone=True)),
    Column("trouble", Text, nullable=False),
    Column("given_up", Integer, nullable=False),
    Column("told_at", DateTime(timezone=True)),
)

audit_records = Table(
    "audit_records",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _WHO, nullable=False),
    Column("verb", String(40), nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("details", JSON, nullable=False),
    Column("digest", DigestColumn, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("seal", String(64), nullable=False),
)
"""One row, the newest record, sealed."""
