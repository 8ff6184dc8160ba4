"""Reads what many versions share: lists of layers, and locks."""

from sqlalchemy import Connection, select

from herdbook.images.documents import LayerReference
from herdbook.store import schema
from herdbook.store.packing import unpack


class SharedRows:
    """Reads by rows' numbers in one transaction, each row once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stacks: dict[int, tuple[LayerReference, ...]] = {}
        self._locks: dict[int, str] = {}

    def stack(self, identity: int) -> tuple[LayerReference, ...]:
        """Return the layers of a stack, the lowest first."""
        if identity not in self._stacks:
            listed, layers = schema.stack_layers, schema.layers
            query = (
                select(layers.c.digest, layers.c.size, listed.c.title, listed.c.inputs)
                .join(layers, layers.c.id == listed.c.layer_id)
                .where(listed.c.stack_id == identity)
                .order_by(listed.c.position)
            )
            rows = self._connection.execute(query)
            self._stacks[identity] = tuple(schema.layer_of(row) for row in rows)
        return self._stacks[identity]

    def lock(self, identity: int) -> str:
        """Return the text of a lock."""
        if identity not in self._locks:
            query = select(schema.locks.c.content).where(schema.locks.c.id == identity)
            self._locks[identity] = unpack(self._connection.execute(query).scalar_one())
        return self._locks[identity]
