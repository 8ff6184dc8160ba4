"""Layers, locks and documents kept once for all versions that share them; components of layers."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa
from alembic import op

from herdbook.core.digests import Digest, of_bytes
from herdbook.images.documents import Document, LayerReference
from herdbook.store.packing import pack, pack_documents, stack_key

revision = "0003"
down_revision = "0002"

_BINARY = sa.LargeBinary(32)
_OLD = ("documents", "variant_layers", "variants", "versions")
_Row = dict[str, Any]


def upgrade() -> None:
    """Read what there is, make the tables anew, and write it as they have it now."""
    connection = op.get_bind()
    old = {name: _rows(connection, name) for name in _OLD}
    for name in _OLD:
        op.drop_table(name)
    tables = {table.name: table for table in (*_kept(), *_of_components())}
    _refill(connection, tables, old)
    op.add_column("images", sa.Column("newest_id", sa.Integer, index=True))
    op.execute(
        "UPDATE images SET newest_id = "
        "(SELECT max(id) FROM versions WHERE versions.image_id = images.id)"
    )


def downgrade() -> None:
    """Refuse: components would be lost."""
    raise NotImplementedError


def _rows(connection: sa.Connection, name: str) -> list[_Row]:
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def _identity() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _kept() -> list[sa.Table]:
    return [
        op.create_table(
            "locks",
            _identity(),
            sa.Column("digest", _BINARY, nullable=False, unique=True),
            sa.Column("content", sa.LargeBinary, nullable=False),
        ),
        op.create_table(
            "versions",
            _identity(),
            sa.Column("image_id", sa.Integer, sa.ForeignKey("images.id"), nullable=False),
            sa.Column("number", sa.Integer, nullable=False),
            sa.Column("digest", _BINARY, nullable=False, index=True),
            sa.Column("build_key", _BINARY, nullable=False),
            sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("lock_id", sa.Integer, sa.ForeignKey("locks.id"), nullable=False, index=True),
            sa.Column("parent_id", sa.Integer, sa.ForeignKey("versions.id"), index=True),
            sa.UniqueConstraint("image_id", "number"),
        ),
        op.create_table(
            "version_contents",
            sa.Column("version_id", sa.Integer, sa.ForeignKey("versions.id"), primary_key=True),
            sa.Column("recipe", sa.LargeBinary, nullable=False),
            sa.Column("documents", sa.LargeBinary, nullable=False),
        ),
        op.create_table(
            "layers",
            _identity(),
            sa.Column("digest", _BINARY, nullable=False, unique=True),
            sa.Column("size", sa.BigInteger, nullable=False),
            sa.Column("origin", sa.String(16), nullable=False, server_default="not-scanned"),
        ),
        op.create_table(
            "stacks", _identity(), sa.Column("key", _BINARY, nullable=False, unique=True)
        ),
        op.create_table(
            "stack_layers",
            sa.Column("stack_id", sa.Integer, sa.ForeignKey("stacks.id"), primary_key=True),
            sa.Column("position", sa.Integer, primary_key=True),
            sa.Column(
                "layer_id", sa.Integer, sa.ForeignKey("layers.id"), nullable=False, index=True
            ),
            sa.Column("title", sa.String(200), nullable=False),
            sa.Column("inputs", _BINARY),
        ),
        op.create_table(
            "variants",
            _identity(),
            sa.Column("version_id", sa.Integer, sa.ForeignKey("versions.id"), nullable=False),
            sa.Column("kind", sa.String(16), nullable=False),
            sa.Column("manifest", _BINARY, nullable=False, index=True),
            sa.Column("config", _BINARY, nullable=False, index=True),
            *(
                sa.Column(name, sa.Integer, sa.ForeignKey("stacks.id"), nullable=False, index=True)
                for name in ("base_id", "own_id")
            ),
            sa.UniqueConstraint("version_id", "kind"),
        ),
    ]


def _of_components() -> list[sa.Table]:
    return [
        op.create_table(
            "components",
            _identity(),
            sa.Column("purl", sa.String(500), nullable=False, unique=True),
            sa.Column("ecosystem", sa.String(8), nullable=False),
            sa.Column("name", sa.String(214), nullable=False, index=True),
            sa.Column("version", sa.String(200), nullable=False),
            sa.Column("suite", sa.String(32), nullable=False),
            sa.Column("architecture", sa.String(16), nullable=False),
            sa.Column("source", sa.String(214), nullable=False, index=True),
            sa.Column("source_version", sa.String(200), nullable=False),
        ),
        op.create_table(
            "layer_components",
            sa.Column("layer_id", sa.Integer, sa.ForeignKey("layers.id"), primary_key=True),
            sa.Column(
                "component_id",
                sa.Integer,
                sa.ForeignKey("components.id"),
                primary_key=True,
                index=True,
            ),
            sa.Column("licence", sa.Text, nullable=False),
            sa.Column("digest", sa.String(140), nullable=False),
        ),
    ]


def _refill(
    connection: sa.Connection, tables: dict[str, sa.Table], old: dict[str, list[_Row]]
) -> None:
    documents = {
        row["digest"]: Document(row["media_type"], row["content"]) for row in old["documents"]
    }
    layers: dict[int, list[_Row]] = defaultdict(list)
    for row in sorted(old["variant_layers"], key=lambda row: row["position"]):
        layers[row["variant_id"]].append(row)
    variants: dict[int, list[_Row]] = defaultdict(list)
    for row in old["variants"]:
        variants[row["version_id"]].append(row)
    filling = _Filling(connection, tables)
    for row in sorted(old["versions"], key=lambda row: row["id"]):
        named = [row["digest"]]
        for variant in variants[row["id"]]:
            named += [variant["manifest"], variant["config"]]
        own = [documents[name] for name in dict.fromkeys(named) if name in documents]
        filling.version(row, own)
        for variant in variants[row["id"]]:
            filling.variant(variant, layers[variant["id"]])
    if connection.dialect.name == "postgresql":
        for name in ("versions", "variants"):
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608 - ours
                f"(SELECT coalesce(max(id), 1) FROM {name}))"
            )


class _Filling:
    """Writes versions and variants under the numbers they had."""

    def __init__(self, connection: sa.Connection, tables: dict[str, sa.Table]) -> None:
        self._connection = connection
        self._tables = tables
        self._known: dict[tuple[str, bytes], int] = {}

    def version(self, row: _Row, documents: list[Document]) -> None:
        text = row["lock"]
        lock = self._once("locks", "digest", _raw(of_bytes(text.encode())), content=pack(text))
        values = {name: row[name] for name in ("id", "image_id", "number", "created_at")}
        self._insert(
            "versions",
            **values,
            digest=_raw(row["digest"]),
            build_key=_raw(row["build_key"]),
            lock_id=lock,
        )
        self._insert(
            "version_contents",
            version_id=row["id"],
            recipe=pack(row["recipe"]),
            documents=pack_documents(documents),
        )

    def variant(self, row: _Row, layers: list[_Row]) -> None:
        self._insert(
            "variants",
            **{name: row[name] for name in ("id", "version_id", "kind")},
            manifest=_raw(row["manifest"]),
            config=_raw(row["config"]),
            base_id=self._stack([]),
            own_id=self._stack(layers),
        )

    def _stack(self, layers: list[_Row]) -> int:
        references = [
            LayerReference(row["title"], Digest(row["digest"]), row["size"], inputs=row["inputs"])
            for row in layers
        ]
        key = _raw(stack_key(references))
        if ("stacks", key) in self._known:
            return self._known["stacks", key]
        stack = self._once("stacks", "key", key)
        for position, layer in enumerate(references):
            self._insert(
                "stack_layers",
                stack_id=stack,
                position=position,
                layer_id=self._once("layers", "digest", _raw(layer.digest), size=layer.size),
                title=layer.title,
                inputs=_raw(layer.inputs) if layer.inputs else None,
            )
        return stack

    def _once(self, name: str, column: str, value: bytes, **more: object) -> int:
        if (name, value) not in self._known:
            self._known[name, value] = self._insert(name, **{column: value}, **more)
        return self._known[name, value]

    def _insert(self, name: str, **values: object) -> int:
        made = self._connection.execute(sa.insert(self._tables[name]).values(**values))
        key = made.inserted_primary_key
        return int(key[0]) if key else 0


def _raw(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))
