"""Signed statements of where versions come from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table of statements: versions from before have none until somebody signs them."""
    op.create_table(
        "provenances",
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("versions.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("statement", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Refuse: what was signed could not be told from what was not."""
    raise NotImplementedError
