"""Locked packages that were never in an archive, for tests of what is decided about them."""

from herdbook.core.digests import Digest, of_bytes
from herdbook.packages.model import LockedPackage


def digest(seed: str) -> Digest:
    """Return some digest, the same for the same seed."""
    return of_bytes(seed.encode())


def package(name: str) -> LockedPackage:
    """Return a package whose every field follows from its name."""
    return LockedPackage(
        name=name,
        version="1",
        architecture="amd64",
        source=name,
        source_version="1",
        pocket="bookworm",
        path=f"pool/main/{name}.deb",
        size=7,
        sha256=digest(name),
    )
