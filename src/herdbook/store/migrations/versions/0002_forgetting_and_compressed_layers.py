"""Numbers outlive their versions; what went into layers; what they were compressed to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_DIGEST = sa.String(71)


def upgrade() -> None:
    """Remember each image's last number, the inputs of opaque layers, and compressed layers."""
    op.add_column(
        "images", sa.Column("last_number", sa.Integer, nullable=False, server_default="0")
    )
    op.execute(
        "UPDATE images SET last_number = "
        "(SELECT coalesce(max(number), 0) FROM versions WHERE versions.image_id = images.id)"
    )
    for table in ("variant_layers", "finished_work"):
        op.add_column(table, sa.Column("inputs", _DIGEST))
    op.create_table(
        "compressed_layers",
        sa.Column("layer", _DIGEST, primary_key=True),
        sa.Column("compression", sa.String(16), primary_key=True),
        sa.Column("level", sa.Integer, primary_key=True),
        sa.Column("library", sa.String(64), primary_key=True),
        sa.Column("digest", _DIGEST, nullable=False, index=True),
        sa.Column("size", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refuse: numbers that were given would be given again."""
    raise NotImplementedError
