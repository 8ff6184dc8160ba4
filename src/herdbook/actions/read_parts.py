"""Reads what another register told of a version, from the artifact beside the pushed index."""

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.travelling import PART_ANNOTATION, VERSION, Parts, read_parts
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName
from herdbook.images.travelling import Named, named_in

_LARGEST_BYTES = 256 << 20
"""No lock and no bill comes near; a registry must not fill the disk."""


def list_tellers(workshop: Workshop, name: RegistryName, index: Document) -> list[Digest]:
    """Return the artifacts that tell of the version whose pushed index this is.

    Raises NotFoundError where nothing is told: then no Herdbook pushed it.
    """
    listed = workshop.registry.referrers(name, index.digest, VERSION)
    if not listed:
        raise NotFoundError(
            f"{name} was not pushed by Herdbook",
            hint=f"An image can be made from it: write `from: oci:{name}` in a recipe.",
        )
    return [each.digest for each in listed]


def read_version_parts(
    workshop: Workshop, name: RegistryName, index: Document, told: Digest
) -> Parts:
    """Return what an artifact tells of the version whose pushed index this is."""
    manifest = workshop.registry.manifest(name.at(told))
    if [each.digest for each in named_in(manifest, "subject")] != [index.digest]:
        raise VerificationError(f"What {name.host} lists of {name} tells of something else")
    blobs = named_in(manifest, "layers")
    if sum(each.size for each in blobs) > _LARGEST_BYTES:
        raise VerificationError(f"What is told of {name} is larger than it can be")
    return read_parts(
        [
            (each.annotations.get(PART_ANNOTATION, ""), read_blob(workshop, name, each))
            for each in blobs
        ]
    )


def read_blob(workshop: Workshop, name: RegistryName, blob: Named) -> bytes:
    """Return a small blob; whoever asks has seen to its size."""
    with workshop.staging() as folder, workshop.progress.task("Reading") as task:
        file = folder / "part"
        workshop.registry.pull_blob(name, blob.digest, blob.size, file, task)
        return file.read_bytes()
