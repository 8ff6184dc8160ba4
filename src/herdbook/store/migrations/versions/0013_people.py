"""People: what they were granted, their passwords, groups and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the tables: as long as nobody is granted anything, everybody may do everything."""
    op.create_table(
        "role_grants",
        sa.Column("subject", sa.String(100), primary_key=True),
        sa.Column("role", sa.String(16), primary_key=True),
        sa.Column("images", sa.String(200), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group_name", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(100), primary_key=True, index=True),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(10), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("images", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    """Refuse: everybody could do everything again, and nobody would have said so."""
    raise NotImplementedError
