"""Signed statements of where versions come from."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add what is signed: versions and assignments from before are not, until somebody does it."""
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
    for column in (
        sa.Column("key", sa.String(64), nullable=False, server_default=""),
        sa.Column("signature", sa.LargeBinary, nullable=False, server_default=""),
    ):
        op.add_column("assignments", column)
    op.add_column("layers", sa.Column("bill_key", sa.LargeBinary(32)))
    op.add_column("layers", sa.Column("bill_signature", sa.LargeBinary))
    op.create_index("ix_audit_records_subject", "audit_records", ["subject"])


def downgrade() -> None:
    """Refuse: what was signed could not be told from what was not."""
    raise NotImplementedError
