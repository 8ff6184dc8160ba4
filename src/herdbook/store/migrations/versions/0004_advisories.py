"""Advisories, statements and exploited vulnerabilities, and what they say of components."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NAME = sa.String(255)
_DIGEST = sa.LargeBinary(32)


def upgrade() -> None:
    """Make the tables; no component was held against advisories yet."""
    op.add_column(
        "components",
        sa.Column("matched", sa.Boolean, nullable=False, server_default=sa.false(), index=True),
    )
    _what_was_imported()
    _what_it_says()
    _beside_advisories()
    _what_it_means()


def downgrade() -> None:
    """Refuse: statements would be lost."""
    raise NotImplementedError


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _word(name: str, length: int = 16) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON, nullable=False)


def _reference(name: str, table: str, *, index: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Integer, key, primary_key=True, index=index)


def _what_was_imported() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", sa.Integer, primary_key=True),
        _word("kind"),
        _text("name"),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", _DIGEST, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        _json("skipped"),
    )
    op.create_table(
        "advisories",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _word("source"),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("feed_id", sa.Integer, nullable=False, index=True),
        sa.Column("digest", _DIGEST),
        _json("aliases"),
        _json("upstream"),
        _text("summary"),
        _word("severity"),
        _text("published"),
        _text("modified"),
        sa.UniqueConstraint("name", "source"),
    )


def _what_it_says() -> None:
    op.create_table(
        "affected_ranges",
        _reference("advisory_id", "advisories"),
        sa.Column("position", sa.Integer, primary_key=True),
        _word("ecosystem", 8),
        sa.Column("package", _NAME, nullable=False),
        _word("suite", 32),
        *map(_text, ("introduced", "fixed", "last_affected")),
        _json("versions"),
        _word("status"),
        sa.Index(None, "ecosystem", "package"),
    )
    op.create_table(
        "advisory_names",
        sa.Column("key", _NAME, primary_key=True),
        _reference("advisory_id", "advisories", index=True),
        sa.Column("name", _NAME, nullable=False),
    )
    op.create_table(
        "advisory_scopes",
        sa.Column("ecosystem", sa.String(8), primary_key=True),
        sa.Column("suite", sa.String(32), primary_key=True),
        sa.Column("advisories", sa.Integer, nullable=False),
    )


def _beside_advisories() -> None:
    op.create_table(
        "exploited",
        sa.Column("id", _NAME, primary_key=True),
        _word("added"),
        _word("due"),
        _text("name"),
    )
    op.create_table(
        "statements",
        _reference("feed_id", "feeds"),
        sa.Column("position", sa.Integer, primary_key=True),
        _json("vulnerabilities"),
        _json("products"),
        _word("status", 32),
        _word("timestamp", 32),
        *map(_text, ("author", "justification", "explanation")),
    )


def _what_it_means() -> None:
    op.create_table(
        "findings",
        _reference("component_id", "components"),
        _reference("advisory_id", "advisories", index=True),
        _word("state"),
        _word("status"),
        _text("fixed"),
    )
