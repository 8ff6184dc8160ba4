"""Finds out where a version comes from, from what is kept of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from herdbook.catalogue.model import NewVersion, VariantRecord, Version
from herdbook.core.digests import Digest, of_bytes
from herdbook.signatures.statements import Origins

AUTHOR = "its author"
"""The cause of a version that somebody built because its recipe was changed, or was new."""


@dataclass(frozen=True)
class Inputs:
    """What a lock says of where packages and layers come from; see `Origins`."""

    digest: Digest
    indexes: tuple[tuple[str, Digest], ...] = ()
    parent: tuple[str, Digest] | None = None
    base: tuple[str, Digest] | None = None


@lru_cache(maxsize=64)
def inputs_of(lock: str) -> Inputs:
    """Read a lock's text: thousands of versions may share one; of another form, it has a digest."""
    digest = of_bytes(lock.encode())
    try:
        content = json.loads(lock)
        parent, base = content.get("parent"), content.get("base")
        return Inputs(
            digest,
            tuple((each["pocket"], Digest(each["digest"])) for each in content["indexes"]),
            (f"{parent['image']}:{parent['number']}", Digest(parent["digest"])) if parent else None,
            (base["reference"], Digest(base["manifest"])) if base else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return Inputs(digest)


def origins_of(version: NewVersion | Version, number: int, cause: str, signer: str = "") -> Origins:
    """Return where a version of this number comes from."""
    return origins(
        version.lock,
        image=version.image,
        number=number,
        digest=version.digest,
        variants=manifests_of(version.variants),
        recipe=of_bytes(version.recipe.encode()),
        build_key=version.build_key,
        created_at=version.created_at,
        cause=cause,
        signer=signer,
    )


def origins(  # noqa: PLR0913 - all that a provenance says
    lock: str,
    *,
    image: str,
    number: int,
    digest: Digest,
    variants: Mapping[str, Digest],
    recipe: Digest,
    build_key: Digest,
    created_at: datetime,
    cause: str,
    signer: str = "",
) -> Origins:
    """Return where a version comes from, with all that its lock says."""
    inputs = inputs_of(lock)
    return Origins(
        image=image,
        number=number,
        digest=digest,
        variants=variants,
        lock=inputs.digest,
        recipe=recipe,
        build_key=build_key,
        created_at=created_at,
        cause=cause,
        signer=signer,
        indexes=inputs.indexes,
        parent=inputs.parent,
        base=inputs.base,
    )


def manifests_of(variants: tuple[VariantRecord, ...]) -> dict[str, Digest]:
    """Return the digests of variants' manifests by kind."""
    return {each.kind.value: each.manifest for each in variants}
