"""Campaigns and what they made; what named a build, and the file it was built from."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Make the tables; versions that are here know neither their wishes nor their home."""
    op.create_table(
        "homes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "dictionaries",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    for column in (
        sa.Column("wishes", _DIGEST),
        sa.Column("may_rebase", sa.Boolean, nullable=False, server_default=sa.true()),
    ):
        op.add_column("versions", column)
    # In words of SQL that both databases know: Alembic has none for a reference in SQLite.
    for table, name, target in (
        ("versions", "home_id", "homes"),
        ("version_contents", "dictionary_id", "dictionaries"),
    ):
        op.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER REFERENCES {target}(id)")
    op.create_index("ix_versions_home_id", "versions", ["home_id"])
    op.create_index("ix_version_contents_dictionary_id", "version_contents", ["dictionary_id"])
    _campaigns()


def downgrade() -> None:
    """Refuse: what campaigns did would be lost."""
    raise NotImplementedError


def _campaigns() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False, index=True),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.Column("targets", sa.LargeBinary, nullable=False),
        sa.Column("budget", sa.JSON, nullable=False),
        sa.Column("verify", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("planned", sa.JSON, nullable=False),
    )
    op.create_table(
        "proofs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id"), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("campaign_id", "digest"),
    )
    op.create_table(
        "version_causes",
        sa.Column(
            "version_id",
            sa.Integer,
            sa.ForeignKey("versions.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("proof_id", sa.Integer, sa.ForeignKey("proofs.id"), nullable=False, index=True),
        sa.Column("before", sa.Integer, nullable=False),
        sa.Column("lock_before_id", sa.Integer, sa.ForeignKey("locks.id"), index=True),
    )
    op.create_table(
        "campaign_failures",
        sa.Column("campaign_id", sa.Integer, sa.ForeignKey("campaigns.id"), primary_key=True),
        sa.Column("image", sa.String(200), primary_key=True),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
