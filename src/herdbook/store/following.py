"""Looks at the versions that others are to follow on: nothing that was changed is carried on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from herdbook.core.digests import Digest, of_bytes
from herdbook.core.errors import VerificationError
from herdbook.recipes.model import Variant
from herdbook.signatures.checking import (
    Kept,
    check_register,
    check_signature,
    check_signer,
    first_fault,
)
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.model import Ring
from herdbook.signatures.statements import read_provenance
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.packing import unpack, unpack_bytes


def signers_of(
    connection: Connection, ring: Ring, rows: Sequence[Any], lock: Digest, kinds: Iterable[Variant]
) -> Mapping[int, str]:
    """Return who had signed versions elsewhere, by their rows; empty for what was made here.

    Raises VerificationError where one of them is not what its builder signed.
    """
    envelopes = _envelopes(connection, [row.id for row in rows])
    wanted, found = list(kinds), dict[int, str]()
    for row in rows:
        envelope = envelopes.get(row.id)
        fault = first_fault([check_signature(ring, row.name, envelope)])
        if envelope is None or fault:
            raise _forged(row, fault)
        stated = read_provenance(envelope.payload)
        kept = _kept(row, lock, wanted)
        checks = (check_signer(ring, stated), *check_register(stated, kept))
        if fault := first_fault(checks):
            raise _forged(row, fault)
        found[row.id] = stated.signer
    return found


def _envelopes(connection: Connection, versions: Sequence[int]) -> Mapping[int, Envelope]:
    table, found = schema.provenances, dict[int, Envelope]()
    for chunk in chunks(versions):
        for row in connection.execute(select(table).where(table.c.version_id.in_(chunk))):
            try:
                payload = unpack_bytes(row.statement)
            except ValueError:
                continue
            found[row.version_id] = Envelope(payload, row.key.hex(), row.signature)
    return found


def _kept(row: Any, lock: Digest, kinds: Iterable[Variant]) -> Kept:  # noqa: ANN401 - a row
    kept = row._mapping  # noqa: SLF001 - SQLAlchemy's own name for it
    return Kept(
        row.name,
        row.number,
        Digest(row.digest),
        {kind.value: Digest(kept[f"{kind.value}_manifest"]) for kind in kinds},
        lock,
        of_bytes(unpack(row.recipe).encode()),
        Digest(row.build_key),
    )


def _forged(row: Any, fault: str) -> VerificationError:  # noqa: ANN401 - a row
    label = f"{row.name}:{row.number}"
    return VerificationError(
        f"{label} is not what its builder signed: {fault}",
        hint=f"See all that is wrong with it: herdbook verify {label}",
    )
