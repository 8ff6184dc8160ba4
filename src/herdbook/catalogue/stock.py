"""The port to what lies in the store's folders, for whoever cleans up and checks."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from herdbook.core.digests import Digest
from herdbook.layers.tree import Tree


class Shelf(StrEnum):
    """The folders things are kept in, each under a name that says what it is.

    Blobs are layers, plain and compressed. Roots, packages, wheels and bases are what builds start
    from. Downloads are layers of registries on their way here, uploads notes of what is on its way
    there, and holders notes of which registry has which blob. Sources are what proposals were sent
    with.
    """

    BLOBS = "blobs"
    TREES = "trees"
    ARTEFACTS = "artefacts"
    ROOTS = "roots"
    PACKAGES = "packages"
    WHEELS = "wheels"
    NODE = "npm packages"
    BASES = "bases"
    SOURCES = "sources"
    DOWNLOADS = "partial downloads"
    UPLOADS = "partial uploads"
    HOLDERS = "notes of registries"
    SET_ASIDE = "set aside"


@dataclass(frozen=True)
class Held:
    """One thing on a shelf; `used_at` is when it was made or last used, in this machine's time.

    `size_bytes` is what removing it gives back. Times are in nanoseconds since 1970.
    """

    name: str
    size_bytes: int
    used_at: int


@dataclass(frozen=True)
class Lease:
    """Work under way: what it is about (an image or a version) and when it began."""

    about: str
    began_at: int


class Stock(Protocol):
    """Everything on the shelves, safe to clean and to check beside any other work."""

    def now(self) -> int:
        """Return the time by the clock that `used_at` and `began_at` are taken from."""
        ...

    def alone(self) -> AbstractContextManager[Sequence[Lease]]:
        """Keep other work from beginning and from using layers; give the leases that live now.

        Only for moments: everybody waits, so also whoever uses layers inside the block.
        """
        ...

    def held(self, shelf: Shelf) -> list[Held]:
        """Return what is on a shelf, by name; nothing of it is touched."""
        ...

    def remove(self, shelf: Shelf, names: Iterable[str], before: int) -> list[str]:
        """Remove what was not used since `before`, and return what that was.

        What others use in this moment stays. Roots, packages, wheels and what travels stay, all of
        them, while there is a lease: work takes them without a word.
        """
        ...

    def blob(self, digest: Digest) -> Path:
        """Return where a blob lies or would lie; looking at it there is no use of it."""
        ...

    def tree(self, digest: Digest) -> Tree | None:
        """Return the tree kept for a layer, read anew; None where there is none.

        Raises VerificationError where it cannot be read.
        """
        ...

    def set_aside(self, digest: Digest) -> None:
        """Take a blob away so that nobody is given it any more, but keep it to be looked at."""
        ...

    def leftovers(self) -> list[Path]:
        """Return what lies in the blob store and is neither kept nor being written."""
        ...

    def remove_leftovers(self) -> None:
        """Remove what `leftovers` returns."""
        ...
