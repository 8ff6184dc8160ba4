"""The tables, as SQLAlchemy describes them; migrations bring a database to this shape."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
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

images = Table(
    "images",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("last_number", Integer, nullable=False, server_default="0"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("image_id", ForeignKey("images.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", _DIGEST, nullable=False, index=True),
    Column("build_key", _DIGEST, nullable=False, index=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("lock", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    UniqueConstraint("image_id", "number"),
)

variants = Table(
    "variants",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version_id", ForeignKey("versions.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("manifest", _DIGEST, nullable=False),
    Column("config", _DIGEST, nullable=False),
    UniqueConstraint("version_id", "kind"),
)

variant_layers = Table(
    "variant_layers",
    metadata,
    Column("variant_id", ForeignKey("variants.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("digest", _DIGEST, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("title", String(200), nullable=False),
    Column("inputs", _DIGEST),
)

documents = Table(
    "documents",
    metadata,
    Column("digest", _DIGEST, primary_key=True),
    Column("media_type", String(200), nullable=False),
    Column("content", LargeBinary, nullable=False),
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


def layer_of(row: Row[Any]) -> LayerReference:
    """Return the layer that a row of `variant_layers` or of `finished_work` names."""
    inputs = Digest(row.inputs) if row.inputs else None
    return LayerReference(row.title, Digest(row.digest), row.size, inputs=inputs)
