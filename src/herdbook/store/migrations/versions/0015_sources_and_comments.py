"""What proposals were sent with, what was rebuilt of that, and what people say of them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the columns of sources and of the version rebuilt, and the table of comments."""
    op.add_column("proposals", sa.Column("sources", sa.LargeBinary(32)))
    op.add_column("proposals", sa.Column("rebuilt", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "proposal_comments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "proposal", sa.Integer, sa.ForeignKey("proposals.number"), nullable=False, index=True
        ),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Refuse: what was said would be forgotten."""
    raise NotImplementedError
