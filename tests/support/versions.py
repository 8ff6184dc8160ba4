"""Versions to put into a register: as small as they can be, and different by their seed."""

from datetime import UTC, datetime

from herdbook.catalogue.model import NewVersion, Variant, VariantRecord
from herdbook.core.digests import Digest, of_bytes
from herdbook.images.documents import MANIFEST, Document, LayerReference

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def digest(seed: str) -> Digest:
    """Return a digest that stands for whatever `seed` names."""
    return of_bytes(seed.encode())


def layer(seed: str, size: int = 10) -> LayerReference:
    """Return a layer that no store holds."""
    return LayerReference(f"layer {seed}", digest(f"layer {seed}"), size)


def document(seed: str) -> Document:
    """Return a document with a content of its own."""
    return Document(MANIFEST, b'{"seed":"' + seed.encode() + b'"}')


def new_version(
    image: str = "shop/web",
    seed: str = "1",
    *,
    built_from: str | None = None,
    variants: tuple[Variant, ...] = (Variant.CONTAINER, Variant.VM),
) -> NewVersion:
    """Return a version; those of the same seed and inputs are the same."""
    documents = [document(f"{seed} {kind}") for kind in variants]
    index = document(f"index {seed}")
    return NewVersion(
        image=image,
        digest=index.digest,
        build_key=digest(f"inputs {built_from if built_from is not None else seed}"),
        lock=f"lock {seed}",
        recipe=f"recipe {seed}: ö",
        created_at=MOMENT,
        variants=tuple(
            VariantRecord(kind, made.digest, digest(f"config {seed}"), (layer("base"), layer(seed)))
            for kind, made in zip(variants, documents, strict=True)
        ),
        documents=(index, *documents),
    )
