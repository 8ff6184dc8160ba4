"""The JSON shapes of keys, and of what a verification found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herdbook.catalogue.model import Version
    from herdbook.signatures.checking import Check
    from herdbook.signatures.model import KnownKey


def key_shape(key: "KnownKey", *, signs: bool) -> dict[str, Any]:
    """Return the shape of a key; `signs` says whether the builder signs with it."""
    return {
        "name": key.name,
        "identity": key.key.identity,
        "standing": key.standing.value,
        "images": key.images,
        "signs": signs,
        "at": key.at.isoformat(),
        "who": key.who,
        "pem": key.pem,
    }


def verification_shape(version: "Version", checks: Sequence["Check"]) -> dict[str, Any]:
    """Return the shape of all that was looked at of a version."""
    return {
        "image": version.image,
        "version": version.number,
        "digest": version.digest,
        "genuine": not any(each.fault for each in checks),
        "checks": [{"part": each.part, "fault": each.fault} for each in checks],
    }
