"""Pins and fetches existing images with skopeo, verified, each blob kept once by its digest."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NetworkError, NotFoundError, VerificationError
from herdbook.core.nearest import did_you_mean
from herdbook.core.progress import Progress
from herdbook.drivers.incoming import incoming
from herdbook.drivers.skopeo.command import copy, inspect, tags
from herdbook.drivers.skopeo.sources import Source, local_source, registry_source
from herdbook.images.bases import LockedBase
from herdbook.images.pinning import config_in, manifest_in, pin
from herdbook.images.references import LocalPath, RegistryName, parse_reference


@dataclass(frozen=True)
class SkopeoImages:
    """Images kept under `directory`, configurations and layers alike under their digests."""

    directory: Path

    def resolve(self, reference: str, folder: Path, progress: Progress) -> LockedBase:
        """Pin the image that a reference means now; see the port's promises."""
        name = parse_reference(reference)
        with progress.task(f"Looking at the image {reference}"):
            if isinstance(name, RegistryName):
                return _pin_in_registry(reference, name, folder)
            return self._take_in(reference, name, folder)

    def _take_in(self, reference: str, name: LocalPath, folder: Path) -> LockedBase:
        """Pin an image of this machine by keeping it: a file in a folder may change any time."""
        with incoming(self.directory) as place:
            arrived = copy(local_source(name, folder), place)
            manifest = (arrived / "manifest.json").read_bytes()
            config = (arrived / digests.hexadecimal(config_in(manifest))).read_bytes()
            locked = pin(reference, manifest, config)
            self._keep(locked, arrived)
        return locked

    def fetch(self, locked: LockedBase, folder: Path, progress: Progress) -> None:
        """See to it that configuration and layers are kept here; see the port's promises."""
        if not self._missing(locked):
            return
        name = parse_reference(locked.reference)
        with progress.task(f"Fetching the image {name}"), incoming(self.directory) as place:
            # Somebody else's build may have fetched it while we waited.
            if missing := self._missing(locked):
                self._keep(locked, _arrived(locked, missing, name, folder, place))

    def _missing(self, locked: LockedBase) -> list[Digest]:
        """Return what is not kept here, or no longer with its bytes."""
        return [each for each in _blobs(locked) if not _holds(self.kept(each), each)]

    def _keep(self, locked: LockedBase, arrived: Path) -> None:
        """Take over blobs that have arrived; raises VerificationError for one that is another."""
        for digest in self._missing(locked):
            blob = arrived / digests.hexadecimal(digest)
            if not _holds(blob, digest):
                raise VerificationError(
                    f"The image {locked.reference} is no longer the one that was locked",
                    hint="Take it as it is now: herdbook lock",
                )
            blob.replace(self.kept(digest))

    def kept(self, digest: Digest) -> Path:
        """Return the file of a configuration or layer that was fetched."""
        return self.directory / digests.hexadecimal(digest)


def _blobs(locked: LockedBase) -> list[Digest]:
    return [*dict.fromkeys([locked.config, *(layer.digest for layer in locked.layers)])]


def _holds(file: Path, digest: Digest) -> bool:
    return file.is_file() and digests.of_file(file) == digest


def _pin_in_registry(reference: str, name: RegistryName, folder: Path) -> LockedBase:
    source = registry_source(name)
    try:
        document = inspect(source)
    except (NotFoundError, NetworkError) as error:
        if (folder / reference).exists():
            error.hint = f"For what lies in this folder write: oci:./{reference}"
        error.hint = error.hint or _nearest_tag(source, name)
        raise
    _require(document, name.digest)
    if digest := manifest_in(document):
        document = inspect(registry_source(name.at(digest)))
        _require(document, digest)
    found = name.at(digests.of_bytes(document))
    config_in(document)  # what is no image at all has no configuration to ask for
    return pin(reference, document, inspect(registry_source(found), config=True))


def _require(document: bytes, digest: Digest | None) -> None:
    if digest is not None and digests.of_bytes(document) != digest:
        raise VerificationError(
            f"The registry gave another document than {digest}",
            hint="Nothing of it was used. Do not use that registry.",
        )


def _nearest_tag(source: Source, name: RegistryName) -> str:
    known = tags(source, name.repository)
    otherwise = f"There are: {', '.join(known[:10])}" if known else "Look at its name once more."
    return did_you_mean(name.tag or "latest", known, otherwise)


def _arrived(
    locked: LockedBase,
    missing: Iterable[Digest],
    name: RegistryName | LocalPath,
    folder: Path,
    place: Path,
) -> Path:
    """Return a folder of ours with the image's blobs by digest."""
    if isinstance(name, RegistryName):
        return copy(registry_source(name.at(locked.manifest)), place)
    source = local_source(name, folder)
    if source.layout is None:
        return copy(source, place)
    # A layout keeps what its tags no longer point at.
    for digest in missing:
        blob = source.layout / "blobs/sha256" / digests.hexadecimal(digest)
        if blob.is_file():
            shutil.copyfile(blob, place / blob.name)
    return place
