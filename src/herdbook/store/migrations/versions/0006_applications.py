"""Applications: their releases, rollouts and instances, what happened, and sealed secrets."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "applications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(63), nullable=False, unique=True),
        sa.Column("folder", sa.Text, nullable=False),
        sa.Column("standing", sa.Integer, nullable=False),
        sa.Column("networks", sa.JSON, nullable=False),
    )
    _releases()
    _instances()
    op.create_table(
        "happenings",
        sa.Column("id", sa.Integer, primary_key=True),
        _application(index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("component", sa.String(63), nullable=False),
        sa.Column("instance", sa.String(100), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_table(
        "sealed_secrets",
        sa.Column("application", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Refuse: what runs would be forgotten."""
    raise NotImplementedError


def _releases() -> None:
    op.create_table(
        "releases",
        _application(primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rollouts",
        _application(primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("saved", sa.Integer, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
    )


def _instances() -> None:
    op.create_table(
        "instances",
        _application(primary_key=True),
        sa.Column("component", sa.String(63), primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", _DIGEST, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True)),
        sa.Column("weight", sa.Integer, nullable=False),
        sa.Column("addresses", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "slots",
        _application(primary_key=True),
        sa.Column("component", sa.String(63), primary_key=True),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
    )


def _application(*, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    return sa.Column(
        "application_id",
        sa.Integer,
        sa.ForeignKey("applications.id", ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
        index=index,
    )
