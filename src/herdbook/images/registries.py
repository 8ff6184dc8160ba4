"""The port to registries: manifests, blobs, and what refers to a manifest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from herdbook.core.digests import Digest
from herdbook.core.progress import Task
from herdbook.images.artifacts import Artifact
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.referrers import Referrer

LARGEST_DOCUMENT_BYTES = 4 << 20
"""The largest manifest that registries have to take (OCI distribution specification 1.1)."""


@dataclass(frozen=True)
class Parcel:
    """Bytes to be sent, as a blob: `open` gives them from the first on, as often as needed."""

    digest: Digest
    size: int
    open: Callable[[], BinaryIO]


def file_parcel(path: Path, digest: Digest, size: int) -> Parcel:
    """Return the bytes of a file, which is known to have that digest."""
    return Parcel(digest, size, lambda: path.open("rb"))


def document_parcel(document: Document) -> Parcel:
    """Return a small document as a blob."""
    return Parcel(document.digest, len(document.content), lambda: BytesIO(document.content))


class Registry(Protocol):
    """Registries, whose repositories are told apart by name; safe to use from several threads.

    Registries are not trusted: whatever is returned has the digest that was asked for. All methods
    raise NetworkError where a registry does not answer, after having tried for a while,
    NotFoundError where there is no such repository, manifest or blob, InvalidInputError where the
    registry does not let us in or does not take what it is given, and VerificationError where
    something else comes than was asked for.
    """

    def manifest(self, name: RegistryName) -> Document:
        """Return a manifest or an index by its digest, or by tag where no digest is named."""
        ...

    def put_manifest(self, name: RegistryName, document: Document) -> None:
        """Keep a manifest or an index under a tag, or by its digest where no tag is named.

        What it refers to has to be there. Idempotent.
        """
        ...

    def tags(self, name: RegistryName) -> list[str]:
        """Return the tags of a repository, sorted."""
        ...

    def has_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Tell whether a repository has a blob."""
        ...

    def mount_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Take a blob over from another repository of the same registry, and tell whether it did.

        Which others may have it is remembered from what was sent and seen from here.
        """
        ...

    def push_blob(self, name: RegistryName, parcel: Parcel, task: Task) -> int:
        """Send a blob and return how many bytes were sent; `task` is told of all of it.

        Goes on where an earlier attempt, also of a killed process, was cut off, if the registry
        still knows of it.
        """
        ...

    def pull_blob(
        self, name: RegistryName, digest: Digest, size: int, to: Path, task: Task
    ) -> None:
        """Write a blob of so many bytes into a file, which then has exactly that digest.

        What the file holds already is not asked for again; what came is kept in it where the rest
        does not come.
        """
        ...

    def referrers(self, name: RegistryName, subject: Digest, kind: str = "") -> list[Referrer]:
        """Return what refers to a manifest, only of one kind if that is named; there may be none.

        Where the registry keeps no such list, the one under the subject's tag is read.
        """
        ...

    def attach(self, name: RegistryName, subject: Digest, artifacts: Sequence[Artifact]) -> None:
        """Keep artifacts, whose blobs are there, and list them as referring to `subject`.

        Where the registry keeps no such list, the one under the subject's tag is added to; what
        others added there meanwhile stays. Idempotent.
        """
        ...
