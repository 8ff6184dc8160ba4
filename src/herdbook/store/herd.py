"""The newest versions in SQL, by what they have in common; and many new ones of them at once."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Engine,
    FromClause,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    union,
)

from herdbook.campaigns.ports import ClassKey, ImageClass, Member, Move
from herdbook.core.digests import Digest, of_bytes
from herdbook.recipes.model import Variant
from herdbook.signatures.ports import KeyRing
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.database import reading, writing
from herdbook.store.packing import stack_key
from herdbook.store.rebasing import Rebaser
from herdbook.store.shared_rows import SharedRows
from herdbook.store.version_writing import layer_ids

_NO_STACK = 0
"""Stands in a key for the stack of a variant that there is not."""
_NOWHERE = -1
"""Stands for a row that is not there any more."""

_Kinds = Mapping[Variant, FromClause]


class SqlHerd:
    """Images of a database, told apart by lock, stacks and what their recipes allow.

    With a `ring`, each version is signed when it is kept.
    """

    def __init__(self, engine: Engine, ring: KeyRing | None = None) -> None:
        self._engine = engine
        self._ring = ring

    def classes(self, layers: Collection[Digest]) -> list[ImageClass]:
        """Return the classes of images whose newest version has one of these layers."""
        kinds = {kind: schema.variants.alias(kind.value) for kind in Variant}
        with reading(self._engine) as connection:
            rows_of_layers = layer_ids(connection, layers)
            if not rows_of_layers:
                return []
            key = _key(kinds)
            query = _newest(select(*key, func.count().label("images")), kinds)
            holders = _holders(rows_of_layers.values())
            query = query.where(schema.images.c.newest_id.in_(holders))
            query = query.group_by(*(column.name for column in key))
            rows = connection.execute(query).all()
            reader = _Reader(connection)
            return [reader.image_class(row) for row in rows]

    def key(self, image: str) -> ClassKey | None:
        """Return the key of an image's class, or None."""
        kinds = {kind: schema.variants.alias(kind.value) for kind in Variant}
        query = _newest(select(*_key(kinds)), kinds).where(schema.images.c.name == image)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
            return _Reader(connection).key(row) if row is not None else None

    def members(self, of: ImageClass) -> Iterator[Member]:
        """Yield the images of a class, by name."""
        kinds = {kind: schema.variants.alias(kind.value) for kind in Variant}
        images, versions, homes = schema.images.c, schema.versions.c, schema.homes
        columns = (images.name, versions.number, versions.wishes, homes.c.path)
        query = _newest(select(*columns), kinds).outerjoin(homes, homes.c.id == versions.home_id)
        query = query.where(_is_of_class(kinds)).order_by(images.name)
        with reading(self._engine) as connection:
            values = _values(connection, of)
            for name, number, wishes, path in connection.execute(query, values):
                yield Member(name, number, path or "", Digest(wishes) if wishes else None)

    def rebase(
        self,
        campaign: int,
        moves: Sequence[Move],
        *,
        now: datetime,
        limit: int,
        first: Collection[str] = (),
    ) -> int:
        """Give up to `limit` images their next version, in one transaction."""
        kinds = {kind: schema.variants.alias(kind.value) for kind in Variant}
        query = _members_to_move(kinds).where(_is_of_class(kinds))
        done, taken = 0, []
        with writing(self._engine) as connection:
            for move in moves:
                if done == limit:
                    break
                rows = _some(connection, query, _values(connection, move.of), limit - done, first)
                taken.append((move, rows))
                done += len(rows)
            Rebaser(connection, campaign, now, self._ring).rebase(taken)
        return done


def _some(
    connection: Connection,
    query: Select[Any],
    values: Mapping[str, Any],
    limit: int,
    first: Collection[str],
) -> list[Any]:
    """Return rows up to a limit, those of certain images first."""
    name = schema.images.c.name
    rows: list[Any] = []
    for chunk in chunks(sorted(first)):
        some = query.where(name.in_(chunk)).limit(limit - len(rows))
        rows += connection.execute(some, values).all()
    if len(rows) < limit:
        seen = {row.id for row in rows}
        more = connection.execute(query.order_by(schema.versions.c.id).limit(limit), values).all()
        rows += [row for row in more if row.id not in seen][: limit - len(rows)]
    return rows


def _holders(layers: Iterable[int]) -> CompoundSelect[Any]:
    """Return a query for the newest versions that have one of these layers, each once.

    Both the layers and the lists that hold them may be more than a statement takes parameters.
    """
    wanted: BindParameter[Any] = bindparam(
        "layers", list(layers), expanding=True, literal_execute=True
    )
    listed, variants, images = schema.stack_layers, schema.variants, schema.images
    return union(
        *(
            select(images.c.newest_id)
            .join(variants, variants.c.version_id == images.c.newest_id)
            .join(listed, listed.c.stack_id == held)
            .where(listed.c.layer_id.in_(wanted))
            for held in (variants.c.base_id, variants.c.own_id)
        )
    )


def _key(kinds: _Kinds) -> list[ColumnElement[Any]]:
    """Return what tells classes apart."""
    versions, own = schema.versions.c, schema.stack_layers.alias("own")
    opaque = exists().where(
        own.c.inputs.is_not(None),
        or_(*(own.c.stack_id == kind.c.own_id for kind in kinds.values())),
    )
    return [
        versions.lock_id.label("lock_id"),
        *(
            func.coalesce(kinds[kind].c.base_id, _NO_STACK).label(f"{kind.value}_base")
            for kind in Variant
        ),
        opaque.label("opaque"),
        versions.may_rebase.label("allowed"),
        versions.wishes.is_not(None).label("complete"),
    ]


def _newest(query: Select[Any], kinds: _Kinds) -> Select[Any]:
    """Return a query over the newest versions with their variants."""
    images, versions = schema.images, schema.versions
    query = query.select_from(images).join(versions, versions.c.id == images.c.newest_id)
    for kind, table in kinds.items():
        match = and_(table.c.version_id == versions.c.id, table.c.kind == kind.value)
        query = query.outerjoin(table, match)
    return query


def _is_of_class(kinds: _Kinds) -> ColumnElement[bool]:
    """Return the condition that `_values` fill in."""
    return and_(
        *(column.element == bindparam(f"key{number}") for number, column in enumerate(_key(kinds)))
    )


def _values(connection: Connection, of: ImageClass) -> dict[str, Any]:
    """Return the values of a class's key, its digests by the rows they have now, if any."""
    lock, *bases = of.key[: 1 + len(Variant)]
    numbers = [_row_of(connection, schema.locks.c.digest, schema.locks.c.id, lock)]
    for base in bases:
        stacks = schema.stacks.c
        numbers.append(_row_of(connection, stacks.key, stacks.id, base) if base else _NO_STACK)
    values = (*numbers, *of.key[1 + len(Variant) :])
    return {f"key{number}": value for number, value in enumerate(values)}


def _row_of(
    connection: Connection,
    name: ColumnElement[Any],
    number: ColumnElement[Any],
    wanted: Any,  # noqa: ANN401 - a digest
) -> int:
    return connection.execute(select(number).where(name == wanted)).scalar() or _NOWHERE


def _members_to_move(kinds: _Kinds) -> Select[Any]:
    """Return a query for all that is kept of a class's newest versions."""
    images, versions, contents = schema.images.c, schema.versions.c, schema.version_contents.c
    packed = schema.dictionaries
    query = _newest(
        select(
            *(versions.id, versions.image_id, versions.number, versions.wishes),
            *(versions.home_id, versions.may_rebase, versions.digest, versions.lock_id),
            versions.build_key,
            *(images.name, images.last_number),
            *(contents.recipe, contents.documents, packed.c.content.label("dictionary")),
        ),
        kinds,
    )
    for kind, table in kinds.items():
        for column in ("manifest", "config", "base_id", "own_id"):
            query = query.add_columns(table.c[column].label(f"{kind.value}_{column}"))
    return query.join(schema.version_contents, contents.version_id == versions.id).outerjoin(
        packed, packed.c.id == contents.dictionary_id
    )


class _Reader:
    """Reads classes; what several of them share is read once."""

    def __init__(self, connection: Connection) -> None:
        self._shared = SharedRows(connection)

    def image_class(self, row: Row[Any]) -> ImageClass:
        """Return the class of a row of `_key` with the number of its images."""
        lock_id, *bases = row[: 1 + len(Variant)]
        layers = {
            kind: self._shared.stack(base)
            for kind, base in zip(Variant, bases, strict=True)
            if base != _NO_STACK
        }
        return ImageClass(
            *(self.key(row), self._shared.lock(lock_id), layers, row.images),
            opaque=bool(row.opaque),
            allowed=bool(row.allowed),
            complete=bool(row.complete),
        )

    def key(self, row: Row[Any]) -> ClassKey:
        """Return the key of a class: digests, for rows' numbers are given again on SQLite."""
        lock_id, *bases = row[: 1 + len(Variant)]
        names = (stack_key(self._shared.stack(base)) if base != _NO_STACK else "" for base in bases)
        flags = (bool(row.opaque), bool(row.allowed), bool(row.complete))
        return (of_bytes(self._shared.lock(lock_id).encode()), *names, *flags)
