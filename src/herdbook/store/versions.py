"""The register of images and versions in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, select, union, update

from herdbook.catalogue.model import ImageSummary, NewVersion, Variant, VariantRecord, Version
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.documents import Document
from herdbook.store import schema
from herdbook.store.database import reading, writing

_MAXIMUM_NUMBER = 2**31 - 1
"""What an integer column holds everywhere."""


class SqlVersions:
    """Versions in a database; every reading and writing is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, new: NewVersion) -> Version:
        """Keep a version under the next number of its image; see the port's promises."""
        with writing(self._engine) as connection:
            latest = _one(connection, _newest(new.image))
            if latest is None or latest.digest != new.digest or latest.build_key != new.build_key:
                image_id, number = _next_number(connection, new.image)
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
        with reading(self._engine) as connection:
            return _one(connection, query)

    def images(self) -> list[ImageSummary]:
        """Return every image by name."""
        counts = (
            select(schema.images.c.name, func.count())
            .join(schema.versions)
            .group_by(schema.images.c.name)
            .order_by(schema.images.c.name)
        )
        with reading(self._engine) as connection:
            return [
                ImageSummary(name, count, latest)
                for name, count in connection.execute(counts).all()
                if (latest := _one(connection, _newest(name))) is not None
            ]

    def every(self) -> list[Version]:
        """Return all versions by image and number."""
        query = (
            select(schema.versions, schema.images.c.name)
            .join(schema.images)
            .order_by(schema.images.c.name, schema.versions.c.number)
        )
        with reading(self._engine) as connection:
            variants = _variants(connection)
            return [_version(row, variants[row.id]) for row in connection.execute(query)]

    def forget(self, versions: Iterable[Version]) -> None:
        """Remove versions and the documents that no other one has."""
        with writing(self._engine) as connection:
            _delete(connection, [(version.image, version.number) for version in versions])

    def documents(self) -> Iterator[tuple[Digest, Document]]:
        """Yield every document with the name it is kept under."""
        with reading(self._engine) as connection:
            for row in connection.execute(select(schema.documents)):
                yield Digest(row.digest), Document(row.media_type, row.content)

    def document(self, digest: Digest) -> Document:
        """Return a manifest, configuration or index."""
        query = select(schema.documents.c.media_type, schema.documents.c.content)
        with reading(self._engine) as connection:
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


def _next_number(connection: Connection, image: str) -> tuple[int, int]:
    """Return an image's row and the number that nothing of it ever had."""
    table = schema.images
    found = connection.execute(
        update(table)
        .where(table.c.name == image)
        .values(last_number=table.c.last_number + 1)
        .returning(table.c.id, table.c.last_number)
    ).first()
    if found is None:
        found = connection.execute(
            insert(table)
            .values(name=image, last_number=1)
            .returning(table.c.id, table.c.last_number)
        ).one()
    return int(found.id), int(found.last_number)


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
            "inputs": layer.inputs,
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


def _delete(connection: Connection, numbered: Iterable[tuple[str, int]]) -> None:
    variants, layers = schema.variants.c, schema.variant_layers.c
    unnamed: set[str] = set()
    for image, number in numbered:
        query = _newest(image).where(schema.versions.c.number == number)
        version = connection.execute(query).first()
        if version is None:
            continue
        unnamed |= _named(connection, version.id)
        own = select(variants.id).where(variants.version_id == version.id)
        connection.execute(delete(schema.variant_layers).where(layers.variant_id.in_(own)))
        connection.execute(delete(schema.variants).where(variants.version_id == version.id))
        connection.execute(delete(schema.versions).where(schema.versions.c.id == version.id))
    for digest in unnamed - _named(connection) if unnamed else ():
        connection.execute(delete(schema.documents).where(schema.documents.c.digest == digest))


def _named(connection: Connection, version_id: int | None = None) -> set[str]:
    """Return the documents that one version, or any, is made of."""
    versions, variants = schema.versions.c, schema.variants.c
    indexes = select(versions.digest)
    manifests, configs = select(variants.manifest), select(variants.config)
    if version_id is not None:
        indexes = indexes.where(versions.id == version_id)
        manifests = manifests.where(variants.version_id == version_id)
        configs = configs.where(variants.version_id == version_id)
    return set(connection.execute(union(indexes, manifests, configs)).scalars())


def _one(connection: Connection, query: Select[Any]) -> Version | None:
    row = connection.execute(query).first()
    return _version(row, _variants(connection, row.id)[row.id]) if row is not None else None


def _version(row: Row[Any], variants: tuple[VariantRecord, ...]) -> Version:
    return Version(
        image=row.name,
        number=row.number,
        digest=Digest(row.digest),
        build_key=Digest(row.build_key),
        created_at=_in_utc(row.created_at),
        lock=row.lock,
        recipe=row.recipe,
        variants=variants,
    )


def _in_utc(kept: datetime) -> datetime:
    """Return a time as it was kept: SQLite forgets the zone, which was UTC."""
    return kept.astimezone(UTC) if kept.tzinfo else kept.replace(tzinfo=UTC)


def _variants(
    connection: Connection, version_id: int | None = None
) -> dict[int, tuple[VariantRecord, ...]]:
    """Return the variants of one version, or of all, by version."""
    variants, layers = schema.variants, schema.variant_layers
    query = (
        select(
            variants.c.version_id, variants.c.kind, variants.c.manifest, variants.c.config, layers
        )
        .join(layers)
        .order_by(variants.c.version_id, variants.c.kind, layers.c.position)
    )
    if version_id is not None:
        query = query.where(variants.c.version_id == version_id)
    found: dict[int, tuple[VariantRecord, ...]] = defaultdict(tuple)
    for (version, kind, manifest, config), rows in groupby(connection.execute(query), _variant_of):
        references = tuple(schema.layer_of(row) for row in rows)
        record = VariantRecord(Variant(kind), Digest(manifest), Digest(config), references)
        found[version] += (record,)
    return found


def _variant_of(row: Row[Any]) -> tuple[int, str, str, str]:
    return row.version_id, row.kind, row.manifest, row.config
