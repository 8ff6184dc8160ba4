"""Finished work in SQL: which layers came of which inputs."""

from collections.abc import Iterable

from sqlalchemy import Engine, delete, insert, select

from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference
from herdbook.store.blobs import BlobStore
from herdbook.store.database import writing
from herdbook.store.schema import finished_work


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
        found = tuple(LayerReference(row.title, Digest(row.digest), row.size) for row in rows)
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
            }
            for position, layer in enumerate(layers)
        ]
        with writing(self._engine) as connection:
            connection.execute(delete(finished_work).where(finished_work.c.key == key))
            if rows:
                connection.execute(insert(finished_work), rows)
