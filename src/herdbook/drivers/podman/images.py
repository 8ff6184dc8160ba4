"""Brings a container image from its OCI layout into Podman's own storage, once."""

import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.core.whole_files import write_whole
from herdbook.drivers.claims import claim
from herdbook.drivers.podman import command
from herdbook.fleet.instances import ContainerArtefact

_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class StoredImage:
    """An image in Podman's storage, and what its configuration says of its process.

    `identity` is the digest of that configuration, and so of all that is in the image.
    """

    identity: str
    user: str = ""
    entrypoint: tuple[str, ...] = ()
    stop_signal: str = ""


class Images:
    """Knows which images Podman has, from files in `directory`: asking Podman takes its time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def stored(self, artefact: ContainerArtefact, image_name: str) -> StoredImage:
        """Return the image as Podman knows it, imported unless it is there already.

        Raises NotFoundError where the layout lacks the manifest, VerificationError where the
        manifest is not what its digest says (Podman verifies all that the manifest refers to).
        """
        reference = _reference(artefact, image_name)
        path = self._path(reference)
        known = _recall(path)
        if known is None:
            with claim(path.with_suffix(".claim")):  # Podman stumbles over two imports of one image
                known = _recall(path) or _store(artefact, reference)
                write_whole(path, digests.canonical_json(asdict(known)))
        return known

    def forget(self, artefact: ContainerArtefact, image_name: str) -> None:
        """Ask Podman the next time: somebody has removed the image from its storage."""
        self._path(_reference(artefact, image_name)).unlink(missing_ok=True)

    def _path(self, reference: str) -> Path:
        name = reference.rpartition("/")[2].replace(":", "-")
        return self._directory / f"{name}.json"


def _recall(path: Path) -> StoredImage | None:
    try:
        document = json.loads(path.read_bytes())
        return StoredImage(**{**document, "entrypoint": tuple(document["entrypoint"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _store(artefact: ContainerArtefact, reference: str) -> StoredImage:
    document = _inspect(reference)
    if document is None or not _is(document, artefact):
        _import(artefact, reference)
        document = _inspect(reference)
    if document is None or not _is(document, artefact):
        raise VerificationError(f"Podman's image {reference} is not the one in {artefact.layout}")
    configuration = document.get("Config") or {}
    return StoredImage(
        document["Id"],
        str(configuration.get("User") or ""),
        tuple(configuration.get("Entrypoint") or ()),
        str(configuration.get("StopSignal") or ""),
    )


def _reference(artefact: ContainerArtefact, image_name: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", image_name.lower()).strip("-")
    if not name:
        raise InvalidInputError(f"{image_name!r} is not a name for an image")
    return f"localhost/herdbook/{name}:{digests.hexadecimal(artefact.manifest)}"


def _inspect(reference: str) -> dict[str, Any] | None:
    result = command.attempt(["image", "inspect", reference])
    if not result.succeeded:
        return None
    document: dict[str, Any] = json.loads(result.output)[0]
    return document


def _is(document: dict[str, Any], artefact: ContainerArtefact) -> bool:
    known = (str(digest).partition("@")[2] for digest in document.get("RepoDigests") or ())
    return artefact.manifest in (document.get("Digest"), *known)


def _import(artefact: ContainerArtefact, reference: str) -> None:
    """Pull by way of a view of the layout that holds just this manifest.

    Podman takes only the sole image of a layout, and names what it pulled after the directory as
    it was given: hence a relative path, and the tag of our own.
    """
    temporary = f"herdbook/import-{digests.hexadecimal(artefact.manifest)}"
    with tempfile.TemporaryDirectory(prefix="herdbook-import-") as directory:
        _write_view(artefact, Path(directory) / temporary)
        pulled = command.call(["pull", "--quiet", f"oci:{temporary}"], directory=Path(directory))
    image_id = pulled.split()[-1]
    command.call(["tag", image_id, reference])
    command.call(["untag", image_id, f"localhost/{temporary}:latest"])


def _write_view(artefact: ContainerArtefact, view: Path) -> None:
    blobs = artefact.layout.resolve() / "blobs"
    manifest = _verified_manifest(artefact, blobs)
    descriptor = {
        "mediaType": _MANIFEST_TYPE,
        "digest": artefact.manifest,
        "size": len(manifest),
    }
    index = {"schemaVersion": 2, "manifests": [descriptor]}
    view.mkdir(parents=True)
    (view / "blobs").symlink_to(blobs, target_is_directory=True)
    (view / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="ascii")
    (view / "index.json").write_text(json.dumps(index), encoding="ascii")


def _verified_manifest(artefact: ContainerArtefact, blobs: Path) -> bytes:
    path = blobs / "sha256" / digests.hexadecimal(artefact.manifest)
    try:
        manifest = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(
            f"The manifest {artefact.manifest} is not in the layout", where=str(artefact.layout)
        ) from None
    if digests.of_bytes(manifest) != artefact.manifest:
        raise VerificationError("The manifest is not what its digest says", where=str(path))
    return manifest
