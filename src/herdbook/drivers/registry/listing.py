"""Keeps lists of what refers to a manifest where the registry does not: under the subject's tag.

Source: OCI distribution specification 1.1, "Referrers Tag Schema" and "Pushing Manifests with
Subject". Registries cannot change a tag only if it is still the one that was read, so a list that
is written at the same moment from another machine may take an entry away again: each writer looks
whether its own entries are there, and adds them again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.drivers.claims import claim
from herdbook.images.artifacts import Artifact, referrers_tag
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.referrers import Referrer, read_referrers, with_referrers

_TRIES = 10


class Manifests(Protocol):
    """What lists are read and written with."""

    def read_list(self, name: RegistryName) -> bytes | None:
        """Return the index that a tag names, or None where there is no such tag."""
        ...

    def ask_list(self, name: RegistryName, subject: Digest, kind: str) -> bytes | None:
        """Return the list that a registry keeps itself, None if it keeps none."""
        ...

    def put_manifest(self, name: RegistryName, document: Document) -> None:
        """Keep an index under a tag."""
        ...


class Lists:
    """Lists in registries; processes of this machine take turns by files in `directory`."""

    def __init__(self, directory: Path, manifests: Manifests) -> None:
        self._directory = directory
        self._manifests = manifests

    def read(self, name: RegistryName, subject: Digest, kind: str) -> list[Referrer]:
        """Return what refers to a manifest, by the registry's own list or by the subject's tag."""
        content = self._manifests.ask_list(name, subject, kind)
        if content is None:
            content = self._manifests.read_list(name.tagged(referrers_tag(subject)))
        return read_referrers(content) if content is not None else []

    def add(self, name: RegistryName, subject: Digest, artifacts: Sequence[Artifact]) -> None:
        """Add to the list under a subject's tag; raises ConflictError where others undo it."""
        tag = name.tagged(referrers_tag(subject))
        turn = digests.hexadecimal(digests.of_bytes(str(tag).encode()))
        wanted = {each.manifest.digest for each in artifacts}
        with claim(self._directory / turn):
            for _ in range(_TRIES):
                before = self._manifests.read_list(tag)
                if before is not None and wanted <= {e.digest for e in read_referrers(before)}:
                    return
                self._manifests.put_manifest(tag, with_referrers(before, artifacts))
        raise ConflictError(
            f"Others write the list {tag} all the time", hint="Run the same command again."
        )
