"""The port to existing images: finding out what a reference means, and keeping its bytes."""

from pathlib import Path
from typing import Protocol

from herdbook.core.digests import Digest
from herdbook.core.progress import Progress
from herdbook.images.bases import LockedBase


class BaseImages(Protocol):
    """Images of others, in registries, OCI layouts and archives; `folder` is the recipe's."""

    def resolve(self, reference: str, folder: Path, progress: Progress) -> LockedBase:
        """Pin the image that a reference (what follows `oci:`) means now, for linux/amd64.

        Raises InvalidInputError where that is no container image for linux/amd64 or a path leaves
        `folder`, NotFoundError where there is none of that name or access is denied, NetworkError
        where a registry does not answer, VerificationError where the host's signature policy
        refuses it or bytes are not what their digest says.
        """
        ...

    def fetch(self, locked: LockedBase, folder: Path, progress: Progress) -> None:
        """See to it that configuration and layers are kept here, with the locked digests.

        Idempotent; what is kept already costs no network, and it does not matter where the
        reference points by now. Raises VerificationError where other bytes come, NetworkError
        where none come, NotFoundError where the pinned image is gone.
        """
        ...

    def kept(self, digest: Digest) -> Path:
        """Return the file of a configuration or layer that was fetched; it was verified then."""
        ...
