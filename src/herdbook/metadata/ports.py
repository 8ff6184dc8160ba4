"""The ports to signed metadata: where it is kept, where the root is pinned, and who reads it."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.metadata.model import Document, Draft, Given
from herdbook.signatures.keys import PrivateKey


class MetadataRegister(Protocol):
    """What is published and what is still to be signed; nothing in it is believed unverified."""

    def newest(self, role: str) -> Document | None:
        """Return what is published last of a role; None for nothing."""
        ...

    def find(self, role: str, version: int) -> Document | None:
        """Return what is published of a role under a version; None for nothing."""
        ...

    def history(self, role: str) -> list[Document]:
        """Return all that is published of a role, the newest first."""
        ...

    def versions(self) -> dict[str, int]:
        """Return the newest version of each role."""
        ...

    def publish(self, documents: Sequence[Document], who: str, at: datetime) -> None:
        """Keep documents, all or none, each with an audit record; their drafts have served.

        What the server signs is not written down: it is renewed all the time.

        Raises ConflictError where one of that version is there. Of timestamps and snapshots only
        the newest are kept.
        """
        ...

    def drafts(self) -> list[Draft]:
        """Return all that is to be signed."""
        ...

    def keep_draft(
        self, draft: Draft, entry: Entry, at: datetime, *, replaces_root: bool = False
    ) -> None:
        """Keep a draft in place of that of the same role and proposal, with an audit record.

        Where that one says the same, the signatures of both are kept: two may sign at once. Raises
        ConflictError for another root than the one that is there, unless it `replaces_root`.
        """
        ...


class TrustAnchor(Protocol):
    """What lies beside the register: the first root, and the key that the server signs with."""

    def pinned(self) -> bytes | None:
        """Return the first root; None before there is one."""
        ...

    def pin(self, root: bytes) -> None:
        """Keep the first root; raises ConflictError where there is another one."""
        ...

    def online(self, *, make: bool = False) -> PrivateKey:
        """Return the server's key, which is made where there is none if that is wanted.

        Raises NotFoundError where there is none, InvalidInputError where it is encrypted, and its
        password was not given.
        """
        ...


class MetadataClient(Protocol):
    """Believes nothing but a root it was given, and what it has seen since."""

    def given(self, address: str, root: bytes, memory: Path, image: str, channel: str) -> Given:
        """Return what a channel got by the documents at an address (a URL, or a folder).

        What was seen is remembered in the folder `memory`: what is older is refused from then on.
        Raises VerificationError with what is wrong, NotFoundError where nothing is signed for that
        channel, NetworkError where nothing answers.
        """
        ...
