"""Documents that so many keys have to sign."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add what is published, and what is to be signed."""
    for name, second in (("metadata_documents", "version"), ("metadata_drafts", "proposal")):
        op.create_table(
            name,
            sa.Column("role", sa.String(100), primary_key=True),
            sa.Column(second, sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("content", sa.LargeBinary, nullable=False),
        )


def downgrade() -> None:
    """Refuse: what people have signed would be lost."""
    raise NotImplementedError
