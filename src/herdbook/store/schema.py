"""The tables, as SQLAlchemy describes them; migrations bring a database to this shape."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    true,
)

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_DIGEST = String(71)
_PREFIX = "sha256:"


MAXIMUM_NUMBER = 2**31 - 1
"""What an integer column holds everywhere."""


class DigestColumn(TypeDecorator[str]):
    """A digest in its 32 bytes: there are millions of them in a large catalogue."""

    impl = LargeBinary(32)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Return what is kept."""
        del dialect
        return None if value is None else bytes.fromhex(value.removeprefix(_PREFIX))

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """Return what was given."""
        del dialect
        return None if value is None else f"{_PREFIX}{value.hex()}"


images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("last_number", Integer, nullable=False, server_default="0"),
    Column("newest_id", Integer, index=True),
)

locks = Table(
    "locks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", DigestColumn, nullable=False, unique=True),
    Column("content", LargeBinary, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", ForeignKey("images.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", DigestColumn, nullable=False, index=True),
    Column("build_key", DigestColumn, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("lock_id", ForeignKey("locks.id"), nullable=False, index=True),
    Column("parent_id", ForeignKey("versions.id"), index=True),
    Column("wishes", DigestColumn),
    Column("home_id", ForeignKey("homes.id"), index=True),
    Column("may_rebase", Boolean, nullable=False, server_default=true()),
    UniqueConstraint("image_id", "number"),
)

homes = Table(  # the recipe or catalogue files that versions were built from
    "homes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
)

version_contents = Table(  # apart: what goes through all versions need not read past these
    "version_contents",
    metadata,
    Column("version_id", ForeignKey("versions.id"), primary_key=True),
    Column("recipe", LargeBinary, nullable=False),
    Column("documents", LargeBinary, nullable=False),
    Column("dictionary_id", ForeignKey("dictionaries.id"), index=True),
)

provenances = Table(  # signed statements of where versions come from
    "provenances",
    metadata,
    Column("version_id", ForeignKey("versions.id"), primary_key=True),
    Column("key", LargeBinary(32), nullable=False),  # the identity of who signed
    Column("signature", LargeBinary, nullable=False),
    Column("statement", LargeBinary, nullable=False),
)

dictionaries = Table(  # what documents of many versions are packed against
    "dictionaries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

layers = Table(
    "layers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", DigestColumn, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("origin", String(16), nullable=False, server_default="not-scanned"),
    Column("bill_key", LargeBinary(32)),  # who has signed what it holds
    Column("bill_signature", LargeBinary),
)

stacks = Table(
    "stacks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", DigestColumn, nullable=False, unique=True),
)

stack_layers = Table(
    "stack_layers",
    metadata,
    Column("stack_id", ForeignKey("stacks.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("layer_id", ForeignKey("layers.id"), nullable=False, index=True),
    Column("title", String(200), nullable=False),
    Column("inputs", DigestColumn),
)

variants = Table(
    "variants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version_id", ForeignKey("versions.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("manifest", DigestColumn, nullable=False, index=True),
    Column("config", DigestColumn, nullable=False, index=True),
    Column("base_id", ForeignKey("stacks.id"), nullable=False, index=True),
    Column("own_id", ForeignKey("stacks.id"), nullable=False, index=True),
    UniqueConstraint("version_id", "kind"),
)

components = Table(
    "components",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("purl", String(500), nullable=False, unique=True),
    Column("ecosystem", String(8), nullable=False),
    Column("name", String(214), nullable=False, index=True),
    Column("version", String(200), nullable=False),
    Column("suite", String(32), nullable=False),
    Column("architecture", String(16), nullable=False),
    Column("source", String(214), nullable=False, index=True),
    Column("source_version", String(200), nullable=False),
    Column("matched", Boolean, nullable=False, server_default=false(), index=True),
)

layer_components = Table(
    "layer_components",
    metadata,
    Column("layer_id", ForeignKey("layers.id"), primary_key=True),
    Column("component_id", ForeignKey("components.id"), primary_key=True, index=True),
    Column("licence", Text, nullable=False),  # one version may come from several files
    Column("digest", String(140), nullable=False),
)

finished_work = Table(
    "finished_work",
    metadata,
    Column("key", _DIGEST, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("digest", _DIGEST, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("title", String(200), nullable=False),
    Column("inputs", _DIGEST),
)

compressed_layers = Table(
    "compressed_layers",
    metadata,
    Column("layer", _DIGEST, primary_key=True),
    Column("compression", String(16), primary_key=True),
    Column("level", Integer, primary_key=True),
    Column("library", String(64), primary_key=True),
    Column("digest", _DIGEST, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
)

NAME_LENGTH = 255
"""Characters of what names an advisory or a package and is searched for."""

feeds = Table(
    "feeds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("imported_at", DateTime(timezone=True), nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("count", Integer, nullable=False),
    Column("skipped", JSON, nullable=False),
)

# They are looked up by many names at once, so names come first in the index.
# `feed_id` is the newest import that held the advisory; that feed's row may be gone. `digest` is
# of all that was said, empty where a part of it was taken back since.
advisories = Table(
    "advisories",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("source", String(16), nullable=False),
    Column("name", String(NAME_LENGTH), nullable=False),
    Column("feed_id", Integer, nullable=False, index=True),
    Column("digest", DigestColumn),
    Column("aliases", JSON, nullable=False),
    Column("upstream", JSON, nullable=False),
    Column("summary", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("published", Text, nullable=False),
    Column("modified", Text, nullable=False),
    UniqueConstraint("name", "source"),
)

affected_ranges = Table(
    "affected_ranges",
    metadata,
    Column("advisory_id", ForeignKey("advisories.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("ecosystem", String(8), nullable=False),
    Column("package", String(NAME_LENGTH), nullable=False),
    Column("suite", String(32), nullable=False),
    Column("introduced", Text, nullable=False),
    Column("fixed", Text, nullable=False),
    Column("last_affected", Text, nullable=False),
    Column("versions", JSON, nullable=False),
    Column("status", String(16), nullable=False),
    Index(None, "ecosystem", "package"),
)

# All names of what an advisory is about, without regard to case: its own, aliases and upstream.
advisory_names = Table(
    "advisory_names",
    metadata,
    Column("key", String(NAME_LENGTH), primary_key=True),
    Column(
        "advisory_id",
        ForeignKey("advisories.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("name", String(NAME_LENGTH), nullable=False),
)

# How many advisories speak of an ecosystem and, for Debian, a suite.
advisory_scopes = Table(
    "advisory_scopes",
    metadata,
    Column("ecosystem", String(8), primary_key=True),
    Column("suite", String(32), primary_key=True),
    Column("advisories", Integer, nullable=False),
)

exploited = Table(
    "exploited",
    metadata,
    Column("id", String(NAME_LENGTH), primary_key=True),
    Column("added", String(16), nullable=False),
    Column("due", String(16), nullable=False),
    Column("name", Text, nullable=False),
)

statements = Table(
    "statements",
    metadata,
    Column("feed_id", ForeignKey("feeds.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("vulnerabilities", JSON, nullable=False),
    Column("products", JSON, nullable=False),
    Column("status", String(32), nullable=False),
    Column("timestamp", String(32), nullable=False),
    Column("author", Text, nullable=False),
    Column("justification", Text, nullable=False),
    Column("explanation", Text, nullable=False),
)

# What matching decided of components that are `matched`, where somebody has to look at it.
findings = Table(
    "findings",
    metadata,
    Column("component_id", ForeignKey("components.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "advisory_id",
        ForeignKey("advisories.id", ondelete="CASCADE"),
        primary_key=True,
        index=True,
    ),
    Column("state", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("fixed", Text, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", String(16), nullable=False, index=True),
    Column("sources", JSON, nullable=False),
    Column("targets", LargeBinary, nullable=False),
    Column("budget", JSON, nullable=False),
    Column("verify", String(16), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("planned", JSON, nullable=False),
)

proofs = Table(
    "proofs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("way", String(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("campaign_id", "digest"),
)

version_causes = Table(
    "version_causes",
    metadata,
    Column("version_id", ForeignKey("versions.id"), primary_key=True, autoincrement=False),
    Column("proof_id", ForeignKey("proofs.id"), nullable=False, index=True),
    Column("before", Integer, nullable=False),
    Column("lock_before_id", ForeignKey("locks.id"), index=True),
)

campaign_failures = Table(
    "campaign_failures",
    metadata,
    Column("campaign_id", ForeignKey("campaigns.id"), primary_key=True),
    Column("image", String(200), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("words", Text, nullable=False),
)

COMPONENT_COLUMNS = ("name", "version", "suite", "architecture", "source", "source_version")
"""The columns of a component that are called as its fields are."""


def layer_of(row: Row[*tuple[Any, ...]]) -> LayerReference:
    """Return the layer that a row names: of `finished_work`, or of a stack with its layers."""
    inputs = Digest(row.inputs) if row.inputs else None
    return LayerReference(row.title, Digest(row.digest), row.size, inputs=inputs)


def component_of(row: Row[*tuple[Any, ...]]) -> Component:
    """Return the component that a row of `components` is, without digest and licence."""
    fields = {name: getattr(row, name) for name in COMPONENT_COLUMNS}
    return Component(Ecosystem(row.ecosystem), **fields)
