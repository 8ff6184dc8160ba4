"""Keeps why versions followed a patch: once for all that are alike in it."""

from sqlalchemy import Connection, insert, select

from herdbook.campaigns.model import Proof
from herdbook.core.digests import Digest, of_bytes
from herdbook.core.errors import NotFoundError
from herdbook.store import schema
from herdbook.store.packing import pack, unpack


def keep_proof(connection: Connection, campaign: int, proof: Proof) -> int:
    """Keep a proof and return its row; one that is there keeps its own."""
    table, text = schema.proofs, proof.model_dump_json(exclude_defaults=True)
    digest: Digest = of_bytes(text.encode())
    query = select(table.c.id).where(table.c.campaign_id == campaign, table.c.digest == digest)
    known = connection.execute(query).scalar()
    if known is not None:
        return int(known)
    values = {"campaign_id": campaign, "digest": digest, "way": proof.way.value}
    made = insert(table).values(**values, content=pack(text)).returning(table.c.id)
    return int(connection.execute(made).scalar_one())


def read_proof(connection: Connection, number: int) -> Proof:
    """Return a proof; raises NotFoundError."""
    if number > schema.MAXIMUM_NUMBER:
        raise NotFoundError(f"There is no proof {number}")
    query = select(schema.proofs.c.content).where(schema.proofs.c.id == number)
    content = connection.execute(query).scalar()
    if content is None:
        raise NotFoundError(f"There is no proof {number}")
    return Proof.model_validate_json(unpack(content))
