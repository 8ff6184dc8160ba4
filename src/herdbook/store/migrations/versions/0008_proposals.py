"""Proposals, and who approved them; for how long versions have served."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Add the tables of proposals, approvals and serving times."""
    op.create_table(
        "served_times",
        sa.Column("image", sa.String(200), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seconds", sa.Float, nullable=False),
    )
    op.create_table(
        "proposals",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("image", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.String(100), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "proposal", sa.Integer, sa.ForeignKey("proposals.number"), nullable=False, index=True
        ),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence", _DIGEST, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: who approved what would be forgotten."""
    raise NotImplementedError
