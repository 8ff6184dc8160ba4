"""The register of images and versions in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    update,
)

from herdbook.catalogue.model import ImageSummary, NewVersion, Variant, VariantRecord, Version
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.images.documents import Document
from herdbook.signatures.ports import KeyRing
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.packing import unpack, unpack_documents
from herdbook.store.shared_rows import SharedRows
from herdbook.store.version_finding import SqlVersionFinder
from herdbook.store.version_writing import VersionWriter


class SqlVersions(SqlVersionFinder):
    """Versions in a database; every reading and writing is one transaction.

    With a `ring`, each is signed when it is kept.
    """

    def __init__(self, engine: Engine, ring: KeyRing | None = None) -> None:
        super().__init__(engine)
        self._ring = ring

    def add(self, new: NewVersion, *, after: int | None = None) -> Version:
        """Keep a version under the next number of its image; see the port's promises."""
        if after is None and new.cause:
            after = new.cause.before
        with writing(self._engine) as connection:
            latest = _one(connection, _newest(new.image))
            writer = VersionWriter(connection, self._ring)
            if new.of_its_own or latest is None or not _is_same(latest, new):
                _require_newest(new.image, latest, after)
                writer.add(new)
                latest = _one(connection, _newest(new.image))
            else:
                writer.add_bills(new.bills)
        if latest is None:
            raise NotFoundError(f"{new.image} was not kept")
        return latest

    def add_all(self, versions: Iterable[NewVersion]) -> int:
        """Keep many new versions in one transaction, and return how many they were."""
        count = 0
        with writing(self._engine) as connection:
            writer = VersionWriter(connection, self._ring)
            for new in versions:
                writer.add(new)
                count += 1
        return count

    def move_home(self, version: Version, home: str) -> None:
        """Say that the file a version was built from lies elsewhere now."""
        if version.home == home:
            return
        table, images = schema.versions, schema.images.c
        of_image = select(images.id).where(images.name == version.image).scalar_subquery()
        with writing(self._engine) as connection:
            home_id = VersionWriter(connection).home(home)
            connection.execute(
                update(table)
                .where(table.c.image_id == of_image, table.c.number == version.number)
                .values(home_id=home_id)
            )

    def find(self, image: str, number: int | None = None) -> Version | None:
        """Return a version by number, or the newest."""
        query = _newest(image)
        if number is not None:
            if number > schema.MAXIMUM_NUMBER:
                return None
            query = query.where(schema.versions.c.number == number)
        with reading(self._engine) as connection:
            return _one(connection, query)

    def images(
        self, match: str = "", skip: int = 0, limit: int | None = None
    ) -> list[ImageSummary]:
        """Return images by name, a part of them where they are many."""
        images, versions, every = schema.images.c, schema.versions.c, schema.versions.alias()
        page = _matching(select(images.id, images.name, images.newest_id), match)
        named = page.order_by(images.name).offset(skip).limit(limit).subquery()
        held = select(func.count()).where(every.c.image_id == named.c.id).scalar_subquery()
        query = (
            select(named.c.name, held.label("held"), versions.id, versions.number)
            .add_columns(versions.digest, versions.created_at)
            .join(schema.versions, versions.id == named.c.newest_id)
            .order_by(named.c.name)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            kinds = _kinds(connection, [row.id for row in rows])
        return [
            ImageSummary(
                *(row.name, row.held, row.number, Digest(row.digest)),
                in_utc(row.created_at),
                tuple(sorted(kinds[row.id])),
            )
            for row in rows
        ]

    def count_images(self, match: str = "") -> int:
        """Return how many images there are that `images` would give."""
        query = _matching(select(func.count()).select_from(schema.images), match)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def names(self, prefix: str, limit: int) -> list[str]:
        """Return the names of images that begin so, in order."""
        name = schema.images.c.name
        query = _matching(select(name), "").where(name.startswith(prefix, autoescape=True))
        with reading(self._engine) as connection:
            return list(connection.execute(query.order_by(name).limit(limit)).scalars())

    def build_keys(self) -> Iterator[tuple[str, Digest]]:
        """Yield every image with what its newest version was built from."""
        versions, images = schema.versions.c, schema.images.c
        query = select(images.name, versions.build_key).join(
            schema.versions, versions.id == images.newest_id
        )
        with reading(self._engine) as connection:
            for name, key in connection.execution_options(yield_per=1000).execute(query):
                yield name, Digest(key)

    def every(self) -> list[Version]:
        """Return all versions by image and number."""
        query = _versions().order_by(schema.images.c.name, schema.versions.c.number)
        with reading(self._engine) as connection:
            reader = _Reader(connection)
            return [reader.version(row) for row in connection.execute(query).all()]

    def children(self, image: str, number: int | None = None) -> list[tuple[str, int]]:
        """Return the versions that were made from an image's, or from one version, by label."""
        parents = schema.versions.alias()
        named = schema.images.alias()
        query = (
            select(schema.images.c.name, schema.versions.c.number)
            .join(schema.versions, schema.versions.c.image_id == schema.images.c.id)
            .join(parents, parents.c.id == schema.versions.c.parent_id)
            .join(named, named.c.id == parents.c.image_id)
            .where(named.c.name == image)
            .order_by(schema.images.c.name, schema.versions.c.number)
        )
        if number is not None:
            query = query.where(parents.c.number == number)
        with reading(self._engine) as connection:
            return [(name, each) for name, each in connection.execute(query)]

    def lineage(self, image: str, number: int) -> list[tuple[str, int]]:
        """Return a version, what it was made from, what that was made from, and so on."""
        with reading(self._engine) as connection:
            return _line(connection, image, number, upwards=True)

    def descendants(self, image: str, number: int) -> list[tuple[str, int]]:
        """Return what was made from a version, from that again and so on, by image and number."""
        with reading(self._engine) as connection:
            return sorted(_line(connection, image, number, upwards=False)[1:])

    def forget(self, versions: Iterable[Version]) -> None:
        """Remove versions, and what no other one shares with them."""
        with writing(self._engine) as connection:
            _delete(connection, [(version.image, version.number) for version in versions])

    def document(self, digest: Digest) -> Document:
        """Return a manifest, configuration or index."""
        versions, variants = schema.versions.c, schema.variants.c
        holders = union(
            select(versions.id).where(versions.digest == digest),
            select(variants.version_id).where(variants.manifest == digest),
            select(variants.version_id).where(variants.config == digest),
        )
        contents = schema.version_contents.c
        query = (
            select(contents.documents, schema.dictionaries.c.content)
            .outerjoin(schema.dictionaries, schema.dictionaries.c.id == contents.dictionary_id)
            .where(contents.version_id.in_(holders))
            .limit(1)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        for document in unpack_documents(*row) if row else ():
            if document.digest == digest:
                return document
        raise NotFoundError(f"There is no document {digest}")


def _line(
    connection: Connection, image: str, number: int, *, upwards: bool
) -> list[tuple[str, int]]:
    """Return a version, and all above or below it, the nearest first."""
    versions, names = schema.versions.c, schema.images.c
    first = (
        select(versions.id, versions.parent_id, versions.image_id, versions.number)
        .add_columns(literal(0).label("distance"))
        .join(schema.images)
        .where(names.name == image, versions.number == number)
    )
    found, each = first.cte("line", recursive=True), schema.versions.alias()
    next_one = each.c.id == found.c.parent_id if upwards else each.c.parent_id == found.c.id
    columns = (each.c.id, each.c.parent_id, each.c.image_id, each.c.number, found.c.distance + 1)
    found = found.union_all(select(*columns).join(found, next_one))
    query = select(names.name, found.c.number).join(found, found.c.image_id == names.id)
    return [(name, each) for name, each in connection.execute(query.order_by(found.c.distance))]


def _versions() -> Select[Any]:
    recipe, home = schema.version_contents.c.recipe, schema.homes.c.path
    return (
        select(schema.versions, schema.images.c.name, recipe, home)
        .select_from(schema.versions)
        .join(schema.images)
        .join(schema.version_contents)
        .outerjoin(schema.homes)
    )


def _newest(image: str) -> Select[Any]:
    query = _versions().where(schema.images.c.name == image)
    return query.order_by(schema.versions.c.number.desc()).limit(1)


def _is_same(latest: Version, new: NewVersion) -> bool:
    return (latest.digest, latest.build_key) == (new.digest, new.build_key)


def _require_newest(image: str, latest: Version | None, after: int | None) -> None:
    """Raise ConflictError where the newest version is not the one that another is to follow."""
    newest = latest.number if latest else 0
    if after is None or after == newest:
        return
    what = f"{image}:{newest} was built" if newest > after else f"{image}:{after} was forgotten"
    raise ConflictError(f"{what} meanwhile", hint="Run the same command again.")


def _matching(query: Select[Any], match: str) -> Select[Any]:
    """Return a query for images that have versions, and whose name holds a text."""
    if match:
        query = query.where(schema.images.c.name.contains(match, autoescape=True))
    return query.where(schema.images.c.newest_id.is_not(None))


def _kinds(connection: Connection, versions: Iterable[int]) -> dict[int, list[Variant]]:
    """Return which variants versions have."""
    variants = schema.variants.c
    found: dict[int, list[Variant]] = defaultdict(list)
    for chunk in chunks(versions):
        query = select(variants.version_id, variants.kind).where(variants.version_id.in_(chunk))
        for version, kind in connection.execute(query):
            found[version].append(Variant(kind))
    return found


def _one(connection: Connection, query: Select[Any]) -> Version | None:
    row = connection.execute(query).first()
    return _Reader(connection).version(row) if row is not None else None


class _Reader:
    """Reads versions; what several of them share is read once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._shared = SharedRows(connection)

    def version(self, row: Row[Any]) -> Version:
        variants = schema.variants
        query = select(variants).where(variants.c.version_id == row.id).order_by(variants.c.kind)
        return Version(
            image=row.name,
            number=row.number,
            digest=Digest(row.digest),
            build_key=Digest(row.build_key),
            created_at=in_utc(row.created_at),
            lock=self._shared.lock(row.lock_id),
            recipe=unpack(row.recipe),
            variants=tuple(self._variant(each) for each in self._connection.execute(query).all()),
            wishes=Digest(row.wishes) if row.wishes else None,
            home=row.path or "",
        )

    def _variant(self, row: Row[Any]) -> VariantRecord:
        base, own = self._shared.stack(row.base_id), self._shared.stack(row.own_id)
        return VariantRecord(
            Variant(row.kind), Digest(row.manifest), Digest(row.config), base + own, len(base)
        )


def _delete(connection: Connection, numbered: Iterable[tuple[str, int]]) -> None:
    versions, variants = schema.versions, schema.variants
    removed = False
    for image, number in numbered:
        row = connection.execute(_newest(image).where(versions.c.number == number)).first()
        if row is None:
            continue
        removed = True
        connection.execute(
            update(versions).where(versions.c.parent_id == row.id).values(parent_id=None)
        )
        parts = (schema.version_contents, schema.version_causes, schema.provenances)
        for table in (variants, *parts):
            connection.execute(delete(table).where(table.c.version_id == row.id))
        connection.execute(delete(versions).where(versions.c.id == row.id))
        _point_at_newest(connection, row.image_id)
    if removed:
        _sweep(connection)


def _point_at_newest(connection: Connection, image_id: int) -> None:
    images, versions = schema.images, schema.versions.c
    newest = select(func.max(versions.id)).where(versions.image_id == image_id).scalar_subquery()
    connection.execute(update(images).where(images.c.id == image_id).values(newest_id=newest))


def _sweep(connection: Connection) -> None:
    """Remove the shared rows that nothing shares any more.

    Row by row: in a list (NOT IN) that is larger than its memory, PostgreSQL looks each up anew.
    """
    variants, listed, held = schema.variants.c, schema.stack_layers.c, schema.layer_components.c
    stacks, layers, components = schema.stacks.c, schema.layers.c, schema.components.c
    findings, versions, locks = schema.findings.c, schema.versions.c, schema.locks.c
    contents, packed, causes = (
        *(schema.version_contents.c, schema.dictionaries.c, schema.version_causes.c),
    )
    has_stack = or_(variants.base_id == listed.stack_id, variants.own_id == listed.stack_id)
    is_stack = or_(variants.base_id == stacks.id, variants.own_id == stacks.id)
    has_lock = or_(
        exists().where(versions.lock_id == locks.id),
        exists().where(causes.lock_before_id == locks.id),
    )
    for table, needed in (
        (schema.stack_layers, exists().where(has_stack)),
        (schema.stacks, exists().where(is_stack)),
        (schema.layer_components, exists().where(listed.layer_id == held.layer_id)),
        (schema.layers, exists().where(listed.layer_id == layers.id)),
        (schema.findings, exists().where(held.component_id == findings.component_id)),
        (schema.components, exists().where(held.component_id == components.id)),
        (schema.locks, has_lock),
        (schema.dictionaries, exists().where(contents.dictionary_id == packed.id)),
        (schema.homes, exists().where(versions.home_id == schema.homes.c.id)),
    ):
        connection.execute(delete(table).where(~needed))
