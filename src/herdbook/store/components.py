"""The index of components in SQL: which layer holds what, and who has such layers."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, func, or_, select, union_all

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.holders import ComponentQuery, Holder, Holding, LayerUse
from herdbook.core.digests import Digest
from herdbook.recipes.model import Variant
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.moments import in_utc
from herdbook.store.version_writing import COMPONENT_COLUMNS, VersionWriter, layer_ids

_FIRST_PAGE = 200
_PAGE = 20_000
_FEW = 20_000
"""Up to so many variants are looked up; where more hold something, all are read in order, so that
the first answers come at once."""


class SqlComponents:
    """Components by layer; versions are found by the stacks of layers that they share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
            writer = VersionWriter(connection)
            for bill in bills:
                writer.add_bill(bill)

    def bills(self, layers: Iterable[Digest]) -> list[LayerBill]:
        """Return the bills of layers; a layer that nobody knows was not scanned."""
        wanted = list(dict.fromkeys(layers))
        held, table = schema.layer_components, schema.layers
        with reading(self._engine) as connection:
            ids = layer_ids(connection, wanted)
            query = select(table.c.id, table.c.origin).where(table.c.id.in_(ids.values()))
            origins: dict[int, str] = dict(connection.execute(query).tuples().all())
            found: dict[int, list[Component]] = {identity: [] for identity in ids.values()}
            rows = connection.execute(
                select(held.c.layer_id, schema.components)
                .join(schema.components)
                .where(held.c.layer_id.in_(ids.values()))
                .order_by(schema.components.c.purl)
            )
            for row in rows:
                found[row.layer_id].append(_component(row))
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
        found = found.where(or_(table.c.name == query.name, table.c.source == query.name))
        with reading(self._engine) as connection:
            return [(row.id, _component(row)) for row in connection.execute(found)]

    def every(self) -> list[tuple[int, Component]]:
        """Return all components by the number kept for each."""
        table = schema.components
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.id))
            return [(row.id, _component(row)) for row in rows]

    def names(self, beginning: str, limit: int) -> list[str]:
        """Return names of components and of their sources that begin so."""
        table = schema.components.c
        queries = [
            select(column).where(column >= beginning, column < beginning + "\x7f").distinct()
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
            read = _all if _is_common(connection, stacks) else _few
            yield from _versions(read(connection, stacks), stacks, every=every)


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


def _is_common(connection: Connection, stacks: _Stacks) -> bool:
    """Tell whether so many variants have these stacks that reading all in order is quicker."""
    count = 0
    for chunk in chunks(stacks):
        query = select(func.count()).select_from(schema.variants).where(_has(chunk))
        count += connection.execute(query).scalar_one()
        if count > _FEW:
            return True
    return False


def _all(connection: Connection, stacks: _Stacks) -> Iterator[Row[Any]]:
    """Yield the variants that have one of the stacks from all there are, in growing pages."""
    variants = schema.variants.c
    query, size, last = _rows().order_by(variants.id.desc()), _FIRST_PAGE, None
    while True:
        page = query if last is None else query.where(variants.id < last)
        rows = connection.execute(page.limit(size)).all()
        yield from (row for row in rows if row.base_id in stacks or row.own_id in stacks)
        if len(rows) < size:
            return
        last, size = rows[-1].id, _PAGE


def _few(connection: Connection, stacks: _Stacks) -> list[Row[Any]]:
    """Return the variants that have one of the stacks, looked up one by one."""
    found: dict[int, Row[Any]] = {}
    for chunk in chunks(stacks):
        found |= {row.id: row for row in connection.execute(_rows().where(_has(chunk)))}
    return [found[identity] for identity in sorted(found, reverse=True)]


def _has(stacks: Collection[int]) -> ColumnElement[bool]:
    variants = schema.variants.c
    return or_(variants.base_id.in_(stacks), variants.own_id.in_(stacks))


def _rows() -> Select[Any]:
    images, versions, variants = schema.images.c, schema.versions.c, schema.variants.c
    return (
        select(
            *(variants.id, variants.kind, variants.base_id, variants.own_id, variants.version_id),
            *(versions.number, versions.created_at, images.name, images.newest_id),
        )
        .select_from(schema.variants)
        .join(schema.versions, versions.id == variants.version_id)
        .join(schema.images, images.id == versions.image_id)
    )


def _versions(rows: Iterable[Row[Any]], stacks: _Stacks, *, every: bool) -> Iterator[Holder]:
    for version, group in groupby(rows, attrgetter("version_id")):
        found = list(group)
        row = found[0]
        newest = row.newest_id == version
        if newest or every:
            holdings = [*stacks.get(row.base_id, ()), *stacks.get(row.own_id, ())]
            for other in found[1:]:
                holdings += stacks.get(other.base_id, ())
                holdings += stacks.get(other.own_id, ())
            yield Holder(
                image=row.name,
                number=row.number,
                newest=newest,
                created_at=in_utc(row.created_at),
                variants=tuple(sorted(Variant(each.kind) for each in found)),
                holdings=tuple(dict.fromkeys(holdings)),
            )


def _component(row: Row[Any]) -> Component:
    fields = {name: getattr(row, name) for name in COMPONENT_COLUMNS}
    return Component(Ecosystem(row.ecosystem), **fields)
