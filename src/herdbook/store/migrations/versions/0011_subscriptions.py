"""Who is told of what is written down."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add subscriptions: nobody is told of anything yet."""
    op.create_table(
        "subscriptions",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("verbs", sa.JSON, nullable=False),
        sa.Column("subjects", sa.Text, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("again_at", sa.DateTime(timezone=True)),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.Column("given_up", sa.Integer, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    """Refuse: people would not be told any more, and not know it."""
    raise NotImplementedError
