"""Images, versions, variants, their layers and documents, and finished work."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_DIGEST = sa.String(71)


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "images",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, unique=True),
    )
    op.create_table(
        "versions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("image_id", sa.Integer, sa.ForeignKey("images.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", _DIGEST, nullable=False, index=True),
        sa.Column("build_key", _DIGEST, nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lock", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.UniqueConstraint("image_id", "number"),
    )
    op.create_table(
        "variants",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "version_id", sa.Integer, sa.ForeignKey("versions.id"), nullable=False, index=True
        ),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("manifest", _DIGEST, nullable=False),
        sa.Column("config", _DIGEST, nullable=False),
        sa.UniqueConstraint("version_id", "kind"),
    )
    op.create_table(
        "variant_layers",
        sa.Column("variant_id", sa.Integer, sa.ForeignKey("variants.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("digest", _DIGEST, nullable=False, index=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
    )
    op.create_table(
        "documents",
        sa.Column("digest", _DIGEST, primary_key=True),
        sa.Column("media_type", sa.String(200), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "finished_work",
        sa.Column("key", _DIGEST, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
    )


def downgrade() -> None:
    """Refuse: the first schema has nothing before it."""
    raise NotImplementedError
