"""Writes versions: what several of them share is kept once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from herdbook.catalogue.components import Component, LayerBill, Origin
from herdbook.catalogue.model import NewVersion, VariantRecord
from herdbook.core.digests import Digest, of_bytes
from herdbook.images.documents import LayerReference
from herdbook.signatures.bills import bill_statement
from herdbook.signatures.origins import AUTHOR, origins_of
from herdbook.signatures.ports import KeyRing
from herdbook.store import schema
from herdbook.store.chunks import chunks
from herdbook.store.packing import pack, pack_documents, stack_key
from herdbook.store.provenances import bill_row, provenance_row


@dataclass
class VersionWriter:
    """Writes in one transaction; remembers what it has seen of shared rows.

    With a `ring`, every version is kept with a signed statement of where it comes from.
    """

    connection: Connection
    ring: KeyRing | None = None
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, new: NewVersion) -> None:
        """Keep a version under the next number of its image."""
        image_id, number = self._next_number(new.image)
        version_id = self._insert(
            schema.versions,
            image_id=image_id,
            number=number,
            digest=new.digest,
            build_key=new.build_key,
            created_at=new.created_at.astimezone(UTC),
            lock_id=self.lock(new.lock),
            parent_id=self.parent(new.parent),
            wishes=new.wishes,
            home_id=self.home(new.home),
            may_rebase=new.may_rebase,
        )
        self.connection.execute(
            insert(schema.version_contents).values(
                version_id=version_id,
                recipe=pack(new.recipe),
                documents=pack_documents(new.documents),
            )
        )
        images = schema.images
        self.connection.execute(
            update(images).where(images.c.id == image_id).values(newest_id=version_id)
        )
        for variant in new.variants:
            self._add_variant(variant, version_id)
        self.add_bills(new.bills)
        if self.ring is not None:
            cause = new.reason or (f"campaign {new.cause.campaign}" if new.cause else AUTHOR)
            envelope = self.ring.state(origins_of(new, number, cause, new.signer))
            row = provenance_row(version_id, envelope)
            self.connection.execute(insert(schema.provenances).values(**row))
        if new.cause:
            self.connection.execute(
                insert(schema.version_causes).values(
                    version_id=version_id,
                    proof_id=new.cause.proof,
                    before=new.cause.before,
                    lock_before_id=self._lock_of(image_id, new.cause.before),
                )
            )

    def add_bills(self, bills: Iterable[LayerBill]) -> None:
        """Say what layers hold; what was scanned or declared already stays."""
        for bill in bills:
            self._add_bill(bill)

    def _add_bill(self, bill: LayerBill) -> None:
        layers, held = schema.layers, schema.layer_components
        found = self.connection.execute(
            update(layers)
            .where(layers.c.digest == bill.layer, layers.c.origin == Origin.NOT_SCANNED.value)
            .values(origin=bill.origin.value, **self._bill_signature(bill))
            .returning(layers.c.id)
        ).scalar()
        if found is None or not bill.components:
            return
        rows: dict[int, dict[str, object]] = {}
        for each in bill.components:  # of two of one name, the first counts
            identity = self._component(each)
            row = {"layer_id": found, "component_id": identity}
            rows.setdefault(identity, {**row, "licence": each.licence, "digest": each.digest})
        self.connection.execute(insert(held), list(rows.values()))

    def _bill_signature(self, bill: LayerBill) -> dict[str, object]:
        if self.ring is None or bill.origin is Origin.NOT_SCANNED:
            return {}
        return bill_row(self.ring.sign(lambda _: bill_statement(bill)))

    def _add_variant(self, variant: VariantRecord, version_id: int) -> None:
        self._insert(
            schema.variants,
            version_id=version_id,
            kind=variant.kind.value,
            manifest=variant.manifest,
            config=variant.config,
            base_id=self.stack(variant.layers[: variant.common]),
            own_id=self.stack(variant.layers[variant.common :]),
        )

    def stack(self, layers: Sequence[LayerReference]) -> int:
        """Keep a list of layers and return its row."""
        key = stack_key(layers)
        known = self._find(schema.stacks, "key", key)
        if known is not None:
            return known
        stack_id = self._remember("stacks", key, self._insert(schema.stacks, key=key))
        rows = [
            {
                "stack_id": stack_id,
                "position": position,
                "layer_id": self._layer(layer),
                "title": layer.title,
                "inputs": layer.inputs,
            }
            for position, layer in enumerate(layers)
        ]
        if rows:
            self.connection.execute(insert(schema.stack_layers), rows)
        return stack_id

    def _layer(self, layer: LayerReference) -> int:
        return self._once(schema.layers, "digest", layer.digest, {"size": layer.size})

    def lock(self, text: str) -> int:
        """Keep a lock's text and return its row."""
        digest = of_bytes(text.encode())
        known = self._find(schema.locks, "digest", digest)
        if known is not None:
            return known
        return self._once(schema.locks, "digest", digest, {"content": pack(text)})

    def home(self, path: str) -> int | None:
        """Keep the path of a recipe or catalogue file, if there is one, and return its row."""
        return self._once(schema.homes, "path", path, {}) if path else None

    def _component(self, component: Component) -> int:
        return self._once(
            schema.components,
            "purl",
            component.purl,
            {
                "ecosystem": component.ecosystem.value,
                **{name: getattr(component, name) for name in schema.COMPONENT_COLUMNS},
            },
        )

    def parent(self, parent: tuple[str, int] | None) -> int | None:
        """Return the row of the version that another one was made from."""
        if parent is None:
            return None
        image, number = parent
        query = (
            select(schema.versions.c.id)
            .join(schema.images)
            .where(schema.images.c.name == image, schema.versions.c.number == number)
        )
        return self.connection.execute(query).scalar()

    def _lock_of(self, image_id: int, number: int) -> int | None:
        """Return the row of a version's lock, as long as the version is there."""
        versions = schema.versions.c
        query = select(versions.lock_id)
        query = query.where(versions.image_id == image_id, versions.number == number)
        return self.connection.execute(query).scalar()

    def _next_number(self, image: str) -> tuple[int, int]:
        """Return an image's row and the number that nothing of it ever had."""
        table = schema.images
        found = self.connection.execute(
            update(table)
            .where(table.c.name == image)
            .values(last_number=table.c.last_number + 1)
            .returning(table.c.id, table.c.last_number)
        ).first()
        if found is None:
            return self._insert(table, name=image, last_number=1), 1
        return int(found.id), int(found.last_number)

    def _once(self, table: Table, column: str, value: str, more: Mapping[str, object]) -> int:
        known = self._find(table, column, value)
        if known is not None:
            return known
        return self._remember(table.name, value, self._insert(table, **{column: value}, **more))

    def _find(self, table: Table, column: str, value: str) -> int | None:
        if (table.name, value) in self._known:
            return self._known[table.name, value]
        query = select(table.c.id).where(table.c[column] == value)
        found = self.connection.execute(query).scalar()
        return None if found is None else self._remember(table.name, value, int(found))

    def _remember(self, table: str, value: str, identity: int) -> int:
        self._known[table, value] = identity
        return identity

    def _insert(self, table: Table, **values: Any) -> int:  # noqa: ANN401 - what columns take
        query = insert(table).values(**values).returning(table.c.id)
        return int(self.connection.execute(query).scalar_one())


def layer_ids(connection: Connection, digests: Iterable[Digest]) -> dict[Digest, int]:
    """Return the rows of layers that are known, by digest."""
    query = select(schema.layers.c.digest, schema.layers.c.id)
    return {
        Digest(digest): identity
        for chunk in chunks(digests)
        for digest, identity in connection.execute(query.where(schema.layers.c.digest.in_(chunk)))
    }
