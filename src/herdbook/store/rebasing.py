"""Writes the next versions of many images: rows by the thousand, and shared ones once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from herdbook.builds.keys import build_key
from herdbook.campaigns.ports import Move
from herdbook.core.digests import Digest, of_bytes
from herdbook.core.errors import VerificationError
from herdbook.images.documents import Document, LayerReference
from herdbook.images.rebasing import Rebase
from herdbook.recipes.model import Variant
from herdbook.signatures.origins import origins
from herdbook.signatures.ports import KeyRing
from herdbook.signatures.statements import Origins
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.following import signers_of
from herdbook.store.packing import DocumentPacker, stack_key, unpack, unpack_documents
from herdbook.store.proofs import keep_proof
from herdbook.store.provenances import provenance_row
from herdbook.store.version_writing import VersionWriter, layer_ids

_Row = dict[str, Any]


@dataclass(frozen=True)
class _Image:
    """What was kept of an image, and what it becomes: `digest` is of its index."""

    row: Any
    digest: Digest
    became: Mapping[Digest, Digest]
    packed: bytes


@dataclass(frozen=True)
class _Following:
    """Images that follow by one move: their documents are packed against a dictionary.

    `bases` names the lists of layers that the variants stand on, `signers` who had signed elsewhere
    what they follow on.
    """

    move: Move
    images: Sequence[_Image]
    dictionary: bytes
    bases: Mapping[Variant, Digest]
    signers: Mapping[int, str]


@dataclass
class Rebaser:
    """Rebases in one transaction, for one campaign: there may be a move for every few images.

    With a `ring`, every version is kept with a signed statement of where it comes from, and what it
    follows on has to be what its builder signed.
    """

    connection: Connection
    campaign: int
    now: datetime
    ring: KeyRing | None = None
    _writer: VersionWriter = field(init=False)

    def __post_init__(self) -> None:
        self._writer = VersionWriter(self.connection, self.ring)

    def rebase(self, taken: Iterable[tuple[Move, Sequence[Any]]]) -> None:
        """Give the images of these rows the next version that the move beside them says."""
        stacks: dict[Digest, tuple[LayerReference, ...]] = {}
        all_of = [
            _following(move, rows, stacks, self._signers(move, rows))
            for move, rows in taken
            if rows
        ]
        if not all_of:
            return
        bases = self._stacks(stacks)
        ids = self._insert(schema.versions, chain(*map(self._versions, all_of)))
        numbers = iter(ids)
        by_move = [(each, [next(numbers) for _ in each.images]) for each in all_of]
        self._insert_contents(by_move)
        self._execute(schema.variants, (_variants(*each, bases) for each in by_move))
        self._point(ids, chain(*(each.images for each in all_of)))
        self._execute(schema.version_causes, (self._causes(*each) for each in by_move))
        if self.ring is not None:
            statements = (self._provenances(*each, self.ring) for each in by_move)
            self._execute(schema.provenances, statements)
        bills = (bill for each in all_of for bill in each.move.bills)
        self._writer.add_bills({bill.layer: bill for bill in bills}.values())

    def _signers(self, move: Move, rows: Sequence[Any]) -> Mapping[int, str]:
        if self.ring is None:
            return {}
        lock = Digest(str(move.of.key[0]))
        return signers_of(self.connection, self.ring.ring(), rows, lock, move.of.layers)

    def _stacks(self, wanted: Mapping[Digest, Sequence[LayerReference]]) -> dict[Digest, int]:
        """Keep lists of layers and return their rows, by the names of the lists."""
        table, found = schema.stacks.c, dict[Digest, int]()
        for chunk in chunks(wanted):
            query = select(table.key, table.id).where(table.key.in_(chunk))
            found |= {Digest(key): identity for key, identity in self.connection.execute(query)}
        new = {key: layers for key, layers in wanted.items() if key not in found}
        if not new:
            return found
        made = self._insert(schema.stacks, ({"key": key} for key in new))
        found |= dict(zip(new, made, strict=True))
        layers = self._layers({layer.digest: layer for each in new.values() for layer in each})
        self._execute(
            schema.stack_layers,
            (
                [
                    {
                        "stack_id": found[key],
                        "position": position,
                        "layer_id": layers[layer.digest],
                        "title": layer.title,
                        "inputs": layer.inputs,
                    }
                    for position, layer in enumerate(held)
                ]
                for key, held in new.items()
            ),
        )
        return found

    def _layers(self, wanted: Mapping[Digest, LayerReference]) -> dict[Digest, int]:
        """Keep layers and return their rows."""
        found = layer_ids(self.connection, wanted)
        new = [layer for digest, layer in wanted.items() if digest not in found]
        if not new:
            return found
        values = ({"digest": layer.digest, "size": layer.size} for layer in new)
        made = self._insert(schema.layers, values)
        return found | {layer.digest: row for layer, row in zip(new, made, strict=True)}

    def _versions(self, following: _Following) -> Iterator[_Row]:
        move = following.move
        lock_id, parent_id = self._writer.lock(move.lock), self._writer.parent(move.parent)
        for image in following.images:
            row = image.row
            yield {
                "image_id": row.image_id,
                "number": row.last_number + 1,
                "digest": image.digest,
                "build_key": build_key(Digest(row.wishes), move.recipe_lock, move.arrangement),
                "created_at": self.now.astimezone(UTC),
                "lock_id": lock_id,
                "parent_id": parent_id,
                "wishes": row.wishes,
                "home_id": row.home_id,
                "may_rebase": row.may_rebase,
            }

    def _insert_contents(self, by_move: Sequence[tuple[_Following, list[int]]]) -> None:
        examples = ({"content": following.dictionary} for following, _ in by_move)
        dictionaries = self._insert(schema.dictionaries, examples)
        self._execute(
            schema.version_contents,
            (
                [
                    {
                        "version_id": identity,
                        "recipe": image.row.recipe,
                        "documents": image.packed,
                        "dictionary_id": dictionary,
                    }
                    for identity, image in zip(ids, following.images, strict=True)
                ]
                for (following, ids), dictionary in zip(by_move, dictionaries, strict=True)
            ),
        )

    def _point(self, ids: Iterable[int], moved: Iterable[_Image]) -> None:
        images = schema.images
        statement = (
            update(images)
            .where(images.c.id == bindparam("image"))
            .values(newest_id=bindparam("newest"), last_number=images.c.last_number + 1)
        )
        values = [
            {"image": image.row.image_id, "newest": identity}
            for identity, image in zip(ids, moved, strict=True)
        ]
        self.connection.execute(statement, values)

    def _causes(self, following: _Following, ids: Iterable[int]) -> list[_Row]:
        proof = keep_proof(self.connection, self.campaign, following.move.proof)
        return [
            {
                "version_id": identity,
                "proof_id": proof,
                "before": image.row.number,
                "lock_before_id": image.row.lock_id,
            }
            for identity, image in zip(ids, following.images, strict=True)
        ]

    def _provenances(
        self, following: _Following, ids: Iterable[int], ring: KeyRing
    ) -> Iterator[_Row]:
        for identity, image in zip(ids, following.images, strict=True):
            signer = following.signers.get(image.row.id, "")
            stated = ring.state(self._origins(following.move, image, signer))
            yield provenance_row(identity, stated)

    def _origins(self, move: Move, image: _Image, signer: str) -> Origins:
        row = image.row
        kept = row._mapping  # noqa: SLF001 - SQLAlchemy's own name for it
        return origins(
            move.lock,
            image=row.name,
            number=row.last_number + 1,
            digest=image.digest,
            variants={
                kind.value: image.became[Digest(kept[f"{kind.value}_manifest"])]
                for kind in move.of.layers
            },
            recipe=of_bytes(unpack(row.recipe).encode()),
            build_key=build_key(Digest(row.wishes), move.recipe_lock, move.arrangement),
            created_at=self.now,
            cause=f"campaign {self.campaign}",
            signer=signer,
        )

    def _execute(self, table: Table, parts: Iterable[Iterable[_Row]]) -> None:
        """Insert rows that come in parts."""
        if values := list(chain(*parts)):
            self.connection.execute(insert(table), values)

    def _insert(self, table: Table, values: Iterable[_Row]) -> list[int]:
        """Insert rows and return their numbers, in the same order."""
        query = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return list(self.connection.execute(query, list(values)).scalars())


def _following(
    move: Move,
    rows: Sequence[Any],
    stacks: dict[Digest, tuple[LayerReference, ...]],
    signers: Mapping[int, str],
) -> _Following:
    """Render what images become; the lists of layers that they stand on then are added to those."""
    rebase = Rebase(move.replaced, move.floor)
    packer: DocumentPacker | None = None
    images = []
    for row in rows:
        made = rebase.of(_documents(row, move.of.layers))
        packer = packer or DocumentPacker(made.documents)
        packed = packer.pack(made.documents)
        images.append(_Image(row, made.documents[-1].digest, made.became, packed))
    bases = {}
    for kind, before in move.of.layers.items():
        layers = rebase.layers(before)
        bases[kind] = stack_key(layers)
        stacks[bases[kind]] = layers
    return _Following(move, images, packer.dictionary if packer else b"", bases, signers)


def _documents(row: Any, variants: Iterable[Variant]) -> list[Document]:  # noqa: ANN401 - a row
    """Return the documents of a version; raises VerificationError where they are not whole."""
    found = list(unpack_documents(row.documents, row.dictionary))
    named = {row.digest}
    for kind in variants:
        named |= {getattr(row, f"{kind.value}_{name}") for name in ("manifest", "config")}
    if not named <= {each.digest for each in found}:
        raise VerificationError(
            f"The documents of {row.name}:{row.number} are damaged",
            hint="Forget that version (herdbook store forget), then build it again.",
        )
    return found


def _variants(
    following: _Following, ids: Iterable[int], bases: Mapping[Digest, int]
) -> Iterator[_Row]:
    for identity, image in zip(ids, following.images, strict=True):
        kept = image.row._mapping  # noqa: SLF001 - SQLAlchemy's own name for it
        for kind, base in following.bases.items():
            yield {
                "version_id": identity,
                "kind": kind.value,
                "manifest": image.became[Digest(kept[f"{kind.value}_manifest"])],
                "config": image.became[Digest(kept[f"{kind.value}_config"])],
                "base_id": bases[base],
                "own_id": kept[f"{kind.value}_own_id"],
            }
