"""Sets up a second place to work in, which has nothing of what was ever made in the first."""

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.ports import CompressedLayer
from herdbook.core.digests import Digest
from herdbook.core.turns import Turns
from herdbook.drivers.bubblewrap import BubblewrapSandbox
from herdbook.images.compressing import Compressor
from herdbook.images.documents import LayerReference
from herdbook.store.blobs import BlobStore
from herdbook.store.staging import Staging


class NewCache:
    """A cache that begins empty, and ends with this program."""

    def __init__(self) -> None:
        self._layers: dict[Digest, tuple[LayerReference, ...]] = {}
        self._compressed: dict[tuple[Digest, Compressor], CompressedLayer] = {}

    def recall(self, key: Digest) -> tuple[LayerReference, ...] | None:
        """Return the layers that work made, or None."""
        return self._layers.get(key)

    def remember(self, key: Digest, layers: Iterable[LayerReference]) -> None:
        """Keep what work made."""
        self._layers[key] = tuple(layers)

    def compressed(self, layer: Digest, compressor: Compressor) -> CompressedLayer | None:
        """Return the blob that a layer was compressed to, or None."""
        return self._compressed.get((layer, compressor))

    def remember_compressed(self, made: CompressedLayer) -> None:
        """Keep what compressing made."""
        self._compressed[made.layer, made.compressor] = made

    def compressed_layers(self) -> list[CompressedLayer]:
        """Return all that compressing made."""
        return list(self._compressed.values())

    def forget_lost(self) -> int:
        """Forget nothing: nobody removes anything from a place of work like this."""
        return 0


def work_apart(workshop: Workshop, folder: Path, given: Iterable[Digest]) -> Workshop:
    """Return a workshop with no layers but those given, and no roots or finished work, in a folder.

    The register and what is kept by digest of others' files, such as packages, are the same.
    """
    blobs = BlobStore(folder / "blobs")
    for digest in given:
        content = workshop.layers.path(digest)
        tree = workshop.layers.tree(digest)
        blobs.blob(digest).parent.mkdir(parents=True, exist_ok=True)
        try:
            blobs.blob(digest).hardlink_to(content)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(content, blobs.blob(digest))
        blobs.set_tree(digest, tree)
    staging = Staging(folder / "staging")
    return replace(
        workshop,
        layers=blobs,
        cache=NewCache(),
        staging=staging,
        sandbox=BubblewrapSandbox(staging),
        roots=folder / "roots",
        artefacts=folder / "artefacts",
        turns=Turns(),
    )
