"""Finds what is said of versions by the digests of what says it, for those who were told of it."""

from collections import OrderedDict
from threading import Lock
from typing import TypeVar

from herdbook.actions.attached import attached, attached_to_index
from herdbook.actions.workshop import Workshop
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.artifacts import Artifact

_MOST_POINTERS = 10_000
_MOST_RENDERED = 16
_FRESH_SECONDS = 10.0
"""Whoever reads a list of artifacts fetches them within seconds; what is said later is not missed
for longer."""

_Place = tuple[str, Digest]
_Value = TypeVar("_Value")


class Attachments:
    """What is attached to documents: rendered when it is asked for, and kept for seconds.

    An artifact's digest tells nobody what it is about. So it is remembered of those that were
    listed, as no client knows a digest that it was not told; after a restart it asks for the list
    again.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._lock = Lock()
        self._subjects: OrderedDict[_Place, Digest] = OrderedDict()
        self._rendered: OrderedDict[_Place, tuple[float, list[Artifact]]] = OrderedDict()

    def to(self, image: str, number: int, subject: Digest) -> list[Artifact]:
        """Return what is said of a version or a variant, by the digest of its index or manifest.

        Raises NotFoundError where the version is gone.
        """
        now, place = self._workshop.clock.monotonic_seconds(), (image, subject)
        with self._lock:
            since, known = self._rendered.get(place, (-_FRESH_SECONDS, []))
        if now < since + _FRESH_SECONDS:
            return known
        found = self._render(image, number, subject)
        with self._lock:
            _keep(self._rendered, place, (now, found), _MOST_RENDERED)
            for artifact in found:
                for document in (artifact.manifest, *artifact.blobs):
                    _keep(self._subjects, (image, document.digest), subject, _MOST_POINTERS)
        return found

    def subject(self, image: str, digest: Digest) -> Digest | None:
        """Return what an artifact, or a blob of one, is about; None where nobody was told of it."""
        with self._lock:
            return self._subjects.get((image, digest))

    def _render(self, image: str, number: int, subject: Digest) -> list[Artifact]:
        version = self._workshop.versions.find(image, number)
        if version is None:
            raise NotFoundError(f"There is no {image}:{number} any more")
        kinds = [each.kind for each in version.variants if each.manifest == subject]
        if kinds:
            manifest = self._workshop.versions.document(subject)
            return attached(self._workshop, version, kinds[0], manifest)
        if version.digest == subject:
            index = self._workshop.versions.document(subject)
            return attached_to_index(self._workshop, version, index)
        return []


def _keep(held: OrderedDict[_Place, _Value], place: _Place, value: _Value, most: int) -> None:
    held[place] = value
    held.move_to_end(place)
    while len(held) > most:
        held.popitem(last=False)
