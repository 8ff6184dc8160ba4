"""The register of images and versions in SQL."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, func, insert, select

from herdbook.catalogue.model import ImageSummary, NewVersion, Variant, VariantRecord, Version
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.documents import Document, LayerReference
from herdbook.store import schema
from herdbook.store.database import writing

_MAXIMUM_NUMBER = 2**31 - 1
"""What an integer column holds everywhere."""


class SqlVersions:
    """Versions in a database; every reading and writing is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, new: NewVersion) -> Version:
        """Keep a version under the next number of its image; see the port's promises."""
        with writing(self._engine) as connection:
            image_id = _image_id(connection, new.image)
            latest = _one(connection, _newest(new.image))
            if latest is None or latest.digest != new.digest or latest.build_key != new.build_key:
                number = latest.number + 1 if latest else 1
                _insert(connection, new, image_id, number)
                latest = _one(connection, _newest(new.image))
        if latest is None:
            raise NotFoundError(f"{new.image} was not kept")
        return latest

    def find(self, image: str, number: int | None = None) -> Version | None:
        """Return a version by number, or the newest."""
        query = _newest(image)
        if number is not None:
            if number > _MAXIMUM_NUMBER:
                return None
            query = query.where(schema.versions.c.number == number)
        with self._engine.connect() as connection:
            return _one(connection, query)

    def images(self) -> list[ImageSummary]:
        """Return every image by name."""
        counts = (
            select(schema.images.c.name, func.max(schema.versions.c.number))
            .join(schema.versions)
            .group_by(schema.images.c.name)
            .order_by(schema.images.c.name)
        )
        with self._engine.connect() as connection:
            return [
                ImageSummary(name, count, latest)
                for name, count in connection.execute(counts).all()
                if (latest := _one(connection, _newest(name))) is not None
            ]

    def document(self, digest: Digest) -> Document:
        """Return a manifest, configuration or index."""
        query = select(schema.documents.c.media_type, schema.documents.c.content)
        with self._engine.connect() as connection:
            row = connection.execute(query.where(schema.documents.c.digest == digest)).first()
        if row is None:
            raise NotFoundError(f"There is no document {digest}")
        return Document(row.media_type, row.content)


def _newest(image: str) -> Select[Any]:
    return (
        select(schema.versions, schema.images.c.name)
        .join(schema.images)
        .where(schema.images.c.name == image)
        .order_by(schema.versions.c.number.desc())
        .limit(1)
    )


def _image_id(connection: Connection, name: str) -> int:
    query = select(schema.images.c.id).where(schema.images.c.name == name)
    found = connection.execute(query).scalar()
    if found is None:
        found = connection.execute(
            insert(schema.images).values(name=name).returning(schema.images.c.id)
        ).scalar_one()
    return int(found)


def _insert(connection: Connection, new: NewVersion, image_id: int, number: int) -> None:
    version_id = connection.execute(
        insert(schema.versions)
        .values(
            image_id=image_id,
            number=number,
            digest=new.digest,
            build_key=new.build_key,
            created_at=new.created_at.astimezone(UTC),
            lock=new.lock,
            recipe=new.recipe,
        )
        .returning(schema.versions.c.id)
    ).scalar_one()
    for variant in new.variants:
        _insert_variant(connection, variant, version_id)
    _insert_documents(connection, new.documents)


def _insert_variant(connection: Connection, variant: VariantRecord, version_id: int) -> None:
    variant_id = connection.execute(
        insert(schema.variants)
        .values(
            version_id=version_id,
            kind=variant.kind.value,
            manifest=variant.manifest,
            config=variant.config,
        )
        .returning(schema.variants.c.id)
    ).scalar_one()
    rows = [
        {
            "variant_id": variant_id,
            "position": position,
            "digest": layer.digest,
            "size": layer.size,
            "title": layer.title,
        }
        for position, layer in enumerate(variant.layers)
    ]
    connection.execute(insert(schema.variant_layers), rows)


def _insert_documents(connection: Connection, documents: Sequence[Document]) -> None:
    table = schema.documents
    wanted = {document.digest: document for document in documents}
    query = select(table.c.digest).where(table.c.digest.in_(wanted))
    known = set(connection.execute(query).scalars())
    rows = [
        {"digest": digest, "media_type": document.media_type, "content": document.content}
        for digest, document in wanted.items()
        if digest not in known
    ]
    if rows:
        connection.execute(insert(table), rows)


def _one(connection: Connection, query: Select[Any]) -> Version | None:
    row = connection.execute(query).first()
    return _version(connection, row) if row is not None else None


def _version(connection: Connection, row: Row[Any]) -> Version:
    return Version(
        image=row.name,
        number=row.number,
        digest=Digest(row.digest),
        build_key=Digest(row.build_key),
        created_at=_in_utc(row.created_at),
        lock=row.lock,
        recipe=row.recipe,
        variants=_variants(connection, row.id),
    )


def _in_utc(kept: datetime) -> datetime:
    """Return a time as it was kept: SQLite forgets the zone, which was UTC."""
    return kept.astimezone(UTC) if kept.tzinfo else kept.replace(tzinfo=UTC)


def _variants(connection: Connection, version_id: int) -> tuple[VariantRecord, ...]:
    variants, layers = schema.variants, schema.variant_layers
    rows = connection.execute(
        select(variants.c.kind, variants.c.manifest, variants.c.config, layers)
        .join(layers)
        .where(variants.c.version_id == version_id)
        .order_by(variants.c.kind, layers.c.position)
    ).all()
    found: dict[tuple[str, str, str], list[LayerReference]] = defaultdict(list)
    for row in rows:
        reference = LayerReference(row.title, Digest(row.digest), row.size)
        found[row.kind, row.manifest, row.config].append(reference)
    return tuple(
        VariantRecord(Variant(kind), Digest(manifest), Digest(config), tuple(references))
        for (kind, manifest, config), references in found.items()
    )
