"""The index of components in SQL: which layer holds what, and who has such layers."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    func,
    or_,
    select,
    union_all,
)

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.holders import ComponentQuery, Holder, Holding, LayerUse
from herdbook.core.digests import Digest
from herdbook.recipes.model import Variant
from herdbook.signatures.ports import KeyRing
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.schema import component_of
from herdbook.store.version_writing import VersionWriter, layer_ids


@dataclass(frozen=True)
class Reading:
    """How variants are read, in numbers of them.

    Up to `few` are looked up one by one; where more hold something, all are read in order, in a
    page of `first` and then of `page`, so that the first come at once. Of large pages PostgreSQL
    joins the tables as a whole; of small ones it looks up each row.
    """

    few: int = 8_000
    first: int = 200
    page: int = 200_000


class SqlComponents:
    """Components by layer; versions are found by the stacks of layers that they share.

    With a `ring`, each bill is signed when it is kept.
    """

    def __init__(
        self, engine: Engine, how: Reading | None = None, ring: KeyRing | None = None
    ) -> None:
        self._engine = engine
        self._how = how or Reading()
        self._ring = ring

    def known(self, layers: Iterable[Digest]) -> set[Digest]:
        """Return those layers that have a bill."""
        table = schema.layers
        with reading(self._engine) as connection:
            ids = layer_ids(connection, layers)
            wanted = select(table.c.id).where(
                table.c.id.in_(ids.values()), table.c.origin != Origin.NOT_SCANNED.value
            )
            scanned = set(connection.execute(wanted).scalars())
        return {digest for digest, identity in ids.items() if identity in scanned}

    def add(self, bills: Iterable[LayerBill]) -> None:
        """Keep the bills of layers that versions have."""
        with writing(self._engine) as connection:
            VersionWriter(connection, self._ring).add_bills(bills)

    def count_not_scanned(self) -> int:
        """Return how many layers of versions have no bill."""
        table = schema.layers
        query = select(func.count()).where(table.c.origin == Origin.NOT_SCANNED.value)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def bills(self, layers: Iterable[Digest]) -> list[LayerBill]:
        """Return the bills of layers; a layer that nobody knows was not scanned."""
        wanted = list(dict.fromkeys(layers))
        held, table = schema.layer_components, schema.layers
        with reading(self._engine) as connection:
            ids = layer_ids(connection, wanted)
            query = select(table.c.id, table.c.origin).where(table.c.id.in_(ids.values()))
            origins: dict[int, str] = {row[0]: row[1] for row in connection.execute(query)}
            found: dict[int, list[Component]] = {identity: [] for identity in ids.values()}
            rows = connection.execute(
                select(held.c.layer_id, held.c.licence, held.c.digest, schema.components)
                .join(schema.components)
                .where(held.c.layer_id.in_(ids.values()))
                .order_by(schema.components.c.purl)
            )
            for row in rows:
                component = replace(component_of(row), licence=row.licence, digest=row.digest)
                found[row.layer_id].append(component)
        return [
            LayerBill(digest, tuple(found[ids[digest]]), Origin(origins[ids[digest]]))
            if digest in ids
            else LayerBill(digest, (), Origin.NOT_SCANNED)
            for digest in wanted
        ]

    def matching(self, query: ComponentQuery) -> list[tuple[int, Component]]:
        """Return the components that a name or package URL means, by the number kept for each."""
        table = schema.components
        found = select(table).order_by(table.c.id)
        if query.ecosystem:
            found = found.where(table.c.ecosystem == query.ecosystem.value)
        if query.version:
            versions = (table.c.version, table.c.source_version)
            found = found.where(or_(*(column == query.version for column in versions)))
        named = [table.c.name == query.name, table.c.source == query.name]
        if query.ecosystem is Ecosystem.NODE:  # package URLs of npm are written in lower case
            named.append(func.lower(table.c.name) == query.name.lower())
        found = found.where(or_(*named))
        with reading(self._engine) as connection:
            return [(row.id, component_of(row)) for row in connection.execute(found)]

    def every(self) -> list[tuple[int, Component]]:
        """Return all components by the number kept for each."""
        table = schema.components
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.id))
            return [(row.id, component_of(row)) for row in rows]

    def names(self, beginning: str, limit: int) -> list[str]:
        """Return names of components and of their sources that begin so."""
        table = schema.components.c
        queries = [
            select(column).where(column.startswith(beginning, autoescape=True)).distinct()
            for column in (table.name, table.source)
        ]
        with reading(self._engine) as connection:
            found = connection.execute(union_all(*queries).limit(limit)).scalars()
            return sorted({each for each in found if each})

    def uses(self, components: Collection[int]) -> list[LayerUse]:
        """Return every layer that holds one of these components."""
        held, layers = schema.layer_components, schema.layers
        query = select(held.c.component_id, layers.c.id, layers.c.digest).join(
            layers, layers.c.id == held.c.layer_id
        )
        with reading(self._engine) as connection:
            return [
                LayerUse(component, identity, Digest(digest))
                for chunk in chunks(components)
                for component, identity, digest in connection.execute(
                    query.where(held.c.component_id.in_(chunk))
                )
            ]

    def holders(self, layers: Collection[int], *, every: bool = False) -> Iterator[Holder]:
        """Yield the versions that have one of these layers, the newest first.

        `every` includes versions that are not their image's newest.
        """
        with reading(self._engine) as connection:
            stacks = _stacks(connection, layers)
            if _is_common(connection, stacks, self._how.few):
                rows: Iterable[_Row] = _all(connection, self._how)
            else:
                rows = _few(connection, stacks)
            yield from _holders(rows, stacks, every=every)


_Row = Row[*tuple[Any, ...]]
_Stacks = dict[int, tuple[Holding, ...]]


def _stacks(connection: Connection, layers: Collection[int]) -> _Stacks:
    """Return the stacks that hold these layers: which of them, under which title."""
    listed = schema.stack_layers
    query = select(listed.c.stack_id, listed.c.layer_id, listed.c.title)
    found: _Stacks = {}
    for chunk in chunks(layers):
        for stack, layer, title in connection.execute(query.where(listed.c.layer_id.in_(chunk))):
            found[stack] = (*found.get(stack, ()), Holding(layer, title))
    return found


def _is_common(connection: Connection, stacks: _Stacks, few: int) -> bool:
    """Tell whether so many variants have these stacks that reading all in order is quicker."""
    count = 0
    for chunk in chunks(stacks):
        query = select(func.count()).select_from(schema.variants).where(_has(chunk))
        count += connection.execute(query).scalar_one()
        if count > few:
            return True
    return False


def _all(connection: Connection, how: Reading) -> Iterator[_Row]:
    """Yield all versions, the newest first, in growing pages."""
    versions = schema.versions.c
    query, size, last = _rows().order_by(versions.id.desc()), how.first, None
    while True:
        page = query if last is None else query.where(versions.id < last)
        rows = connection.execute(page.limit(size)).all()
        yield from rows
        if len(rows) < size:
            return
        last, size = rows[-1].id, how.page


def _few(connection: Connection, stacks: _Stacks) -> list[_Row]:
    """Return the versions that have one of the stacks, looked up one by one."""
    variants = schema.variants.c
    wanted: set[int] = set()
    for chunk in chunks(stacks):
        query = select(variants.version_id).where(_has(chunk))
        wanted.update(connection.execute(query).scalars())
    found: list[_Row] = []
    for numbers in chunks(sorted(wanted, reverse=True)):
        query = _rows().where(schema.versions.c.id.in_(numbers))
        found += connection.execute(query.order_by(schema.versions.c.id.desc()))
    return found


def _has(stacks: Collection[int]) -> ColumnElement[bool]:
    variants = schema.variants.c
    return or_(variants.base_id.in_(stacks), variants.own_id.in_(stacks))


def _rows() -> Select[Any]:
    """Return a version's number and image, and the stacks of its variants."""
    images, versions = schema.images.c, schema.versions.c
    query = select(versions.id, versions.number, images.name, images.newest_id).join(
        schema.images, images.id == versions.image_id
    )
    for kind in Variant:
        variant = schema.variants.alias(kind.value)
        query = query.add_columns(variant.c.base_id, variant.c.own_id).outerjoin(
            variant, and_(variant.c.version_id == versions.id, variant.c.kind == kind.value)
        )
    return query


def _holders(rows: Iterable[_Row], stacks: _Stacks, *, every: bool) -> Iterator[Holder]:
    """Yield those of the versions that have one of the stacks, and all or their images' newest."""
    known: dict[tuple[int | None, ...], tuple[tuple[Variant, ...], tuple[Holding, ...]]] = {}
    for identity, number, name, newest_id, one, two, three, four in rows:
        held = tuple(stack if stack in stacks else None for stack in (one, two, three, four))
        if held not in known:
            known[held] = _parts(held, stacks)
        variants, holdings = known[held]
        newest = identity == newest_id
        if variants and (newest or every):
            yield Holder(name, number, newest, variants, holdings)


def _parts(
    held: Sequence[int | None], stacks: _Stacks
) -> tuple[tuple[Variant, ...], tuple[Holding, ...]]:
    """Return which variants have some of these stacks, two for each variant, and which layers."""
    variants, holdings = [], []
    for number, kind in enumerate(Variant):
        own = [stack for stack in held[2 * number : 2 * number + 2] if stack is not None]
        if own:
            variants.append(kind)
        holdings += [holding for stack in own for holding in stacks[stack]]
    return tuple(variants), tuple(dict.fromkeys(holdings))
