"""The tables, as SQLAlchemy describes them; migrations bring a database to this shape."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

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
    Column("recipe", LargeBinary, nullable=False),
    Column("documents", LargeBinary, nullable=False),
    UniqueConstraint("image_id", "number"),
)

layers = Table(
    "layers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", DigestColumn, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("origin", String(16), nullable=False, server_default="not-scanned"),
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
    Column("licence", Text, nullable=False),
    Column("digest", String(140), nullable=False),
)

layer_components = Table(
    "layer_components",
    metadata,
    Column("layer_id", ForeignKey("layers.id"), primary_key=True),
    Column("component_id", ForeignKey("components.id"), primary_key=True, index=True),
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


def layer_of(row: Row[*tuple[Any, ...]]) -> LayerReference:
    """Return the layer that a row names: of `finished_work`, or of a stack with its layers."""
    inputs = Digest(row.inputs) if row.inputs else None
    return LayerReference(row.title, Digest(row.digest), row.size, inputs=inputs)
