"""Channels, with what forbids and holds them, and the audit of who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add the tables of channels and of the audit."""
    _assignments()
    _holds_and_revocations()
    op.create_table(
        "channel_rules",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("content", sa.JSON, nullable=False),
    )
    _audit()


def downgrade() -> None:
    """Refuse: what was approved and revoked would be forgotten."""
    raise NotImplementedError


def _assignments() -> None:
    op.create_table(
        "assignments",
        *_channel(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        *_who(),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
    )
    op.create_table("channels", *_channel(), sa.Column("newest", sa.Integer, nullable=False))


def _holds_and_revocations() -> None:
    op.create_table(
        "channel_holds", *_channel(), *_who(), sa.Column("why", sa.Text, nullable=False)
    )
    op.create_table(
        "revocations",
        sa.Column("image", sa.String(200), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        *_who(),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since", sa.JSON, nullable=False),
        sa.Column("inherited", sa.Boolean, nullable=False),
    )


def _audit() -> None:
    op.create_table(
        "audit_records",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_who(),
        sa.Column("verb", sa.String(40), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
    )


def _channel() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("image", sa.String(200), primary_key=True),
        sa.Column("channel", sa.String(63), primary_key=True),
    )


def _who() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
    )
