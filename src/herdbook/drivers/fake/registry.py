"""Registries in memory, which do what the port to registries promises."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.progress import Task
from herdbook.images.artifacts import Artifact
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.referrers import Referrer, read_referrers, with_referrers
from herdbook.images.registries import Parcel


@dataclass
class _Repository:
    documents: dict[Digest, Document] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    lists: dict[Digest, bytes] = field(default_factory=dict)


class FakeRegistry:
    """Any number of registries; each has whatever repository something is put into."""

    def __init__(self) -> None:
        self._repositories: dict[str, _Repository] = defaultdict(_Repository)

    def manifest(self, name: RegistryName) -> Document:
        """Return a manifest or an index by its digest or tag."""
        place = self._repositories[name.repository]
        digest = name.digest or place.tags.get(name.tag or "latest")
        if digest is None or digest not in place.documents:
            raise NotFoundError(f"There is no {name}")
        return place.documents[digest]

    def put_manifest(self, name: RegistryName, document: Document) -> None:
        """Keep a manifest or an index."""
        if name.digest is not None and name.digest != document.digest:
            raise InvalidInputError(f"{document.digest} is not {name.digest}")
        place = self._repositories[name.repository]
        place.documents[document.digest] = document
        if name.tag and name.digest is None:
            place.tags[name.tag] = document.digest

    def tags(self, name: RegistryName) -> list[str]:
        """Return the tags of a repository, sorted."""
        if name.repository not in self._repositories:
            raise NotFoundError(f"There is no {name}")
        return sorted(self._repositories[name.repository].tags)

    def has_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Tell whether a repository has a blob."""
        return digest in self._repositories[name.repository].blobs

    def mount_blob(self, name: RegistryName, digest: Digest) -> bool:
        """Take a blob over from another repository of the same registry."""
        for other, place in [*self._repositories.items()]:
            if other.startswith(f"{name.host}/") and digest in place.blobs:
                self._repositories[name.repository].blobs[digest] = place.blobs[digest]
                return True
        return False

    def push_blob(self, name: RegistryName, parcel: Parcel, task: Task) -> int:
        """Keep a blob and return its size."""
        with parcel.open() as source:
            content = source.read()
        if digests.of_bytes(content) != parcel.digest:
            raise InvalidInputError(f"{name.host} refuses to take a blob for {name.repository}")
        self._repositories[name.repository].blobs[parcel.digest] = content
        task.advance(len(content))
        return len(content)

    def pull_blob(
        self, name: RegistryName, digest: Digest, size: int, to: Path, task: Task
    ) -> None:
        """Write a blob into a file."""
        content = self._repositories[name.repository].blobs.get(digest)
        if content is None:
            raise NotFoundError(f"There is no {name.at(digest)}")
        to.write_bytes(content)
        task.advance(size)

    def referrers(self, name: RegistryName, subject: Digest, kind: str = "") -> list[Referrer]:
        """Return what refers to a manifest."""
        listed = self._repositories[name.repository].lists.get(subject)
        found = read_referrers(listed) if listed is not None else []
        return [each for each in found if kind in ("", each.kind)]

    def attach(self, name: RegistryName, subject: Digest, artifacts: Sequence[Artifact]) -> None:
        """Keep artifacts and list them."""
        place = self._repositories[name.repository]
        place.documents |= {each.manifest.digest: each.manifest for each in artifacts}
        place.lists[subject] = with_referrers(place.lists.get(subject), artifacts).content
