"""Finished work in SQL: which layers came of which inputs, and what they were compressed to."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, delete, insert, select

from herdbook.catalogue.ports import CompressedLayer
from herdbook.core.digests import Digest
from herdbook.images.compressing import Compressor
from herdbook.images.documents import LayerReference
from herdbook.store.blobs import BlobStore
from herdbook.store.chunks import chunks
from herdbook.store.database import writing
from herdbook.store.schema import compressed_layers, finished_work, layer_of


class SqlCache:
    """A cache that answers only with layers the blob store still has."""

    def __init__(self, engine: Engine, blobs: BlobStore) -> None:
        self._engine = engine
        self._blobs = blobs

    def recall(self, key: Digest) -> tuple[LayerReference, ...] | None:
        """Return the layers that work made, or None."""
        query = select(finished_work).where(finished_work.c.key == key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(finished_work.c.position)).all()
        found = tuple(layer_of(row) for row in rows)
        return found if found and all(self._blobs.has(each.digest) for each in found) else None

    def remember(self, key: Digest, layers: Iterable[LayerReference]) -> None:
        """Keep what work made."""
        rows = [
            {
                "key": key,
                "position": position,
                "digest": layer.digest,
                "size": layer.size,
                "title": layer.title,
                "inputs": layer.inputs,
            }
            for position, layer in enumerate(layers)
        ]
        with writing(self._engine) as connection:
            connection.execute(delete(finished_work).where(finished_work.c.key == key))
            if rows:
                connection.execute(insert(finished_work), rows)

    def compressed(self, layer: Digest, compressor: Compressor) -> CompressedLayer | None:
        """Return the blob that a layer was compressed to, or None."""
        table = compressed_layers.c
        query = select(compressed_layers).where(
            table.layer == layer,
            table.compression == compressor.compression,
            table.level == compressor.level,
            table.library == compressor.library,
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        found = _compressed_layer(row) if row is not None else None
        return found if found and self._blobs.has_blob(found.digest) else None

    def remember_compressed(self, made: CompressedLayer) -> None:
        """Keep what compressing made."""
        table = compressed_layers.c
        by = made.compressor
        with writing(self._engine) as connection:
            connection.execute(
                delete(compressed_layers).where(
                    table.layer == made.layer,
                    table.compression == by.compression,
                    table.level == by.level,
                    table.library == by.library,
                )
            )
            connection.execute(
                insert(compressed_layers).values(
                    layer=made.layer,
                    compression=by.compression,
                    level=by.level,
                    library=by.library,
                    digest=made.digest,
                    size=made.size,
                )
            )

    def compressed_layers(self) -> list[CompressedLayer]:
        """Return all that compressing made."""
        with self._engine.connect() as connection:
            return [_compressed_layer(row) for row in connection.execute(select(compressed_layers))]

    def forget_lost(self) -> int:
        """Forget work whose results are gone, and return how many results were forgotten."""
        work, compressed = finished_work, compressed_layers
        with writing(self._engine) as connection:
            lost = self._lost(connection, work)
            # All that one piece of work made: the rest alone would pass for its whole result.
            keys = chunks(
                key
                for digests in chunks(lost)
                for key in connection.execute(
                    select(work.c.key).distinct().where(work.c.digest.in_(digests))
                ).scalars()
            )
            removals = [
                *(delete(work).where(work.c.key.in_(chunk)) for chunk in keys),
                *(
                    delete(compressed).where(compressed.c.digest.in_(chunk))
                    for chunk in chunks(self._lost(connection, compressed))
                ),
            ]
            return sum(connection.execute(removal).rowcount for removal in removals)

    def _lost(self, connection: Connection, table: Table) -> list[str]:
        known = connection.execute(select(table.c.digest).distinct()).scalars()
        return [digest for digest in known if not self._blobs.blob(Digest(digest)).exists()]


def _compressed_layer(row: Row[Any]) -> CompressedLayer:
    compressor = Compressor(row.compression, row.level, row.library)
    return CompressedLayer(Digest(row.layer), compressor, Digest(row.digest), row.size)
