"""Decides what the registry view gives out of an image: only what is its own, nothing revoked."""

import re
from collections.abc import Sequence
from pathlib import Path

from herdbook.actions.check_channel import refuse_misplaced
from herdbook.actions.check_genuine import refuse_unsigned
from herdbook.actions.check_revoked import refuse_revoked, revocation_of
from herdbook.actions.name_version import assigned, present
from herdbook.actions.show_attached import Attachments
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, RevokedError, VerificationError
from herdbook.images.artifacts import Artifact, referrers_index
from herdbook.images.documents import Document

LATEST = "latest"
"""The tag that clients ask for where none is given: the newest version, or a channel called so."""

MOST_HOLDERS = 100
"""So many versions that hold a layer are looked at to find one that is not revoked."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LONGEST_NAME = 255
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_ABOUT = re.compile(r"sha256-([0-9a-f]{64})(?P<ending>[._-].*)?")
_MEANT = (Level.RELEASES, Level.RESTARTS)


def is_name(text: str) -> bool:
    """Tell whether an image may be called so.

    Source: OCI distribution specification 1.1, "Pulling manifests".
    """
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


def has_image(workshop: Workshop, image: str) -> bool:
    """Tell whether there is an image of that name, with a version."""
    return workshop.versions.identified(image) is not None


class RegistryShow:
    """What may be given out, by the names that clients of registries use.

    Every method raises NotFoundError for what the image does not have, RevokedError for what only
    versions have that may not be started any more, VerificationError for what is not as its builder
    signed it.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._attached = Attachments(workshop)

    def manifest(self, image: str, reference: str) -> Document:
        """Return an image's document that a tag or a digest names."""
        digest = digests.parse(reference)
        if digest is not None:
            return self._by_digest(image, digest)
        about = _ABOUT.fullmatch(reference)
        if about is not None:
            return self._about(image, Digest(f"sha256:{about[1]}"), reference)
        if not _TAG.fullmatch(reference):
            raise NotFoundError(f"{reference!r} is no tag")
        number, digest = self._tagged(image, reference)
        refuse_revoked(self._workshop, (image, number), Level.RESTARTS)
        self._refuse_unsigned(image, number)
        return self._workshop.versions.document(digest)

    def blob(self, image: str, digest: Digest) -> Document | Path:
        """Return an image's layer as a file, or a small blob with its bytes."""
        holders = self._workshop.versions.with_layer(image, digest, MOST_HOLDERS)
        if holders:
            self._refuse_unless_one_may(image, holders)
            return self._workshop.layers.path(digest)
        return self._by_digest(image, digest)

    def tags(self, image: str) -> list[str]:
        """Return the tags that `manifest` answers now, by name."""
        numbers = self._workshop.versions.numbers(image)
        if not numbers:
            raise NotFoundError(f"There is no image {image!r}")
        revoked = self._revoked_numbers(image)
        found = {str(number) for number in numbers if number not in revoked}
        channels = {each.channel for each in self._workshop.channels.every(image)}
        if LATEST not in channels and numbers[0] not in revoked:
            found.add(LATEST)
        found |= {each for each in channels if present(self._workshop, image, each, *_MEANT)}
        return sorted(found)

    def referrers(self, image: str, subject: Digest) -> list[Artifact]:
        """Return what is said of an image's document; nothing where the image has none such."""
        numbers = self._workshop.versions.with_document(image, subject)
        if not numbers:
            return []
        number = self._refuse_unless_one_may(image, numbers)
        return self._attached.to(image, number, subject)

    def _by_digest(self, image: str, digest: Digest) -> Document:
        numbers = self._workshop.versions.with_document(image, digest)
        if numbers:
            self._refuse_unsigned(image, self._refuse_unless_one_may(image, numbers))
            return self._workshop.versions.document(digest)
        subject = self._attached.subject(image, digest)
        if subject is not None:
            for artifact in self.referrers(image, subject):
                for document in (artifact.manifest, *artifact.blobs):
                    if document.digest == digest:
                        return document
        raise NotFoundError(f"{image} has nothing of the digest {digest}")

    def _about(self, image: str, subject: Digest, tag: str) -> Document:
        """Return what clients look for under a tag that is made from another document's digest."""
        artifacts = self.referrers(image, subject)
        named = next((each.manifest for each in artifacts if each.tag == tag), None)
        if named is not None:
            return named
        if artifacts and tag == f"sha256-{digests.hexadecimal(subject)}":
            return referrers_index(artifacts)
        raise NotFoundError(f"{image} has no tag {tag!r}")

    def _tagged(self, image: str, tag: str) -> tuple[int, Digest]:
        versions = self._workshop.versions
        found = versions.identified(image, int(tag)) if _NUMBER.fullmatch(tag) else None
        if found is None and self._workshop.channels.history(image, tag, 1):
            assignment = assigned(self._workshop, image, tag, *_MEANT)
            refuse_misplaced(self._workshop, assignment)
            found = versions.identified(image, assignment.version)
            if found and found[1] != assignment.digest:
                raise VerificationError(f"{assignment.label} is not what was promoted to {tag}")
        elif found is None and tag == LATEST:
            found = versions.identified(image)
        if found is None:
            raise NotFoundError(f"{image} has no tag {tag!r}")
        return found

    def _refuse_unless_one_may(self, image: str, numbers: Sequence[int]) -> int:
        """Return the newest of these versions that is not revoked; raises for the newest else."""
        for number in numbers:
            if revocation_of(self._workshop, (image, number), Level.RESTARTS) is None:
                return number
        refuse_revoked(self._workshop, (image, numbers[0]), Level.RESTARTS)
        raise RevokedError(f"{image}:{numbers[0]} was revoked until just now")

    def _refuse_unsigned(self, image: str, number: int) -> None:
        version = self._workshop.versions.find(image, number)
        if version is None:
            raise NotFoundError(f"There is no {image}:{number} any more")
        refuse_unsigned(self._workshop, version)

    def _revoked_numbers(self, image: str) -> set[int]:
        workshop, now, found = self._workshop, self._workshop.clock.now(), set()
        for made, revocation in workshop.channels.revocations().items():
            if not revocation.holds(Level.RESTARTS, now):
                continue
            reached = workshop.versions.descendants(*made) if revocation.inherited else []
            found |= {number for name, number in [made, *reached] if name == image}
        return found


def page(names: Sequence[str], last: str, most: int) -> tuple[list[str], bool]:
    """Return the first names after `last`, at most so many, and whether there are more."""
    after = [each for each in names if each > last] if last else list(names)
    return after[:most], len(after) > most > 0
