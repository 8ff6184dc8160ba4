"""The ports through which versions, layers and finished work are kept."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from herdbook.catalogue.components import Component, LayerBill
from herdbook.catalogue.holders import ComponentQuery, Holder, LayerUse
from herdbook.catalogue.model import ImageSummary, NewVersion, Version
from herdbook.core.digests import Digest
from herdbook.images.compressing import Compressor
from herdbook.images.documents import Document, LayerReference
from herdbook.layers.tree import Tree


class VersionFinder(Protocol):
    """What is looked up in the register by name or digest, in milliseconds however large it is."""

    def identified(self, image: str, number: int | None = None) -> tuple[int, Digest] | None:
        """Return number and digest of a version, or of the newest; None where there is none."""
        ...

    def numbers(self, image: str) -> list[int]:
        """Return the numbers of all versions of an image, the newest first."""
        ...

    def names_after(self, name: str, limit: int) -> list[str]:
        """Return the names of images that come after one, in order."""
        ...

    def with_document(self, image: str, digest: Digest) -> list[int]:
        """Return the versions of an image whose index, manifest or configuration that is.

        By number, the newest first; empty where it is no document of that image.
        """
        ...

    def with_layer(self, image: str, digest: Digest, most: int) -> list[int]:
        """Return versions of an image that have a layer, by number, the newest first.

        They are of the `most` newest versions, or, where none of those has it, the `most` newest
        that do. Empty where no version of that image has it.
        """
        ...


class Versions(VersionFinder, Protocol):
    """The register of images: versions are added, never changed."""

    def add(self, new: NewVersion, *, after: int | None = None) -> Version:
        """Give a version the next number of its image and keep it, all of it or nothing.

        Idempotent: a version with the newest one's digest, made from the same inputs, is that one,
        unless it is to be one of its own.
        Any other is to follow the version of the number `after`, where that is given (0 is none),
        or of its cause's: raises ConflictError where the newest is another one by now.
        """
        ...

    def move_home(self, version: Version, home: str) -> None:
        """Say that the file a version was built from lies elsewhere now; nothing else changes."""
        ...

    def find(self, image: str, number: int | None = None) -> Version | None:
        """Return a version by number, or the newest; None where there is none."""
        ...

    def add_all(self, versions: Iterable[NewVersion]) -> int:
        """Keep many versions, all or none, each under the next number of its image.

        Returns how many they were. Unlike with `add`, one that is there already is kept again.
        """
        ...

    def images(
        self, match: str = "", skip: int = 0, limit: int | None = None
    ) -> list[ImageSummary]:
        """Return images by name: those whose name holds `match`, a part of them if wanted."""
        ...

    def count_images(self, match: str = "") -> int:
        """Return how many images `images` would give without a limit."""
        ...

    def names(self, prefix: str, limit: int) -> list[str]:
        """Return the first names of images that begin so, in order."""
        ...

    def build_keys(self) -> Iterator[tuple[str, Digest]]:
        """Yield every image with the key of the build that made its newest version."""
        ...

    def children(self, image: str, number: int | None = None) -> list[tuple[str, int]]:
        """Return image and number of the versions that were made from an image's."""
        ...

    def lineage(self, image: str, number: int) -> list[tuple[str, int]]:
        """Return a version, what it was made from, what that was made from, and so on.

        Empty where the version is not there. It ends where a version was made from no image of
        ours, or from one that was forgotten.
        """
        ...

    def descendants(self, image: str, number: int) -> list[tuple[str, int]]:
        """Return what was made from a version, from that again and so on, by image and number."""
        ...

    def document(self, digest: Digest) -> Document:
        """Return a manifest, configuration or index; raises NotFoundError."""
        ...

    def every(self) -> list[Version]:
        """Return all versions by image and number."""
        ...

    def forget(self, versions: Iterable[Version]) -> None:
        """Remove versions, all or none, and the documents that no other one has.

        Their numbers are not given again. Idempotent: an absent version is not an error.
        """
        ...


class Components(Protocol):
    """The index of components: each layer's once, however many versions have that layer.

    Components and layers are told apart by numbers, which the index alone understands.
    """

    def known(self, layers: Iterable[Digest]) -> set[Digest]:
        """Return those layers that have a bill."""
        ...

    def add(self, bills: Iterable[LayerBill]) -> None:
        """Keep the bills of layers that versions have; a layer that has one keeps it."""
        ...

    def count_not_scanned(self) -> int:
        """Return how many layers of versions have no bill."""
        ...

    def bills(self, layers: Iterable[Digest]) -> list[LayerBill]:
        """Return a bill for each of these layers, `not-scanned` where there is none."""
        ...

    def matching(self, query: ComponentQuery) -> list[tuple[int, Component]]:
        """Return the components that a query means, by number.

        Digest and licence are a layer's affair (`bills`): here they are empty.
        """
        ...

    def every(self) -> list[tuple[int, Component]]:
        """Return all components, by number, as `matching` does."""
        ...

    def names(self, beginning: str, limit: int) -> list[str]:
        """Return some of the names of components, and of their sources, that begin so."""
        ...

    def uses(self, components: Collection[int]) -> list[LayerUse]:
        """Return every layer that holds one of these components."""
        ...

    def holders(self, layers: Collection[int], *, every: bool = False) -> Iterator[Holder]:
        """Yield the versions that have one of these layers, the newest first.

        Only images' newest versions unless `every`; the first come before the last are known.
        """
        ...


class Layers(Protocol):
    """The store of layers: bytes by digest, with the tree each of them holds."""

    def write(self, pieces: Iterable[bytes]) -> tuple[Digest, int]:
        """Keep a layer's bytes and return their digest and size; nothing half-written is seen.

        Raises NoSpaceError.
        """
        ...

    def has(self, digest: Digest) -> bool:
        """Tell whether bytes and tree of a layer are both here."""
        ...

    def path(self, digest: Digest) -> Path:
        """Return the file that holds a layer's bytes; raises NotFoundError."""
        ...

    def set_tree(self, digest: Digest, tree: Tree) -> None:
        """Keep the tree of a layer, once it was proven to be what the bytes hold."""
        ...

    def tree(self, digest: Digest) -> Tree:
        """Return the tree of a layer; raises NotFoundError."""
        ...

    def lease(self, about: str) -> AbstractContextManager[None]:
        """Say that work is under way: what it writes or reads until the block ends is not removed.

        `about` is an image's name or a version's label, which is not forgotten meanwhile. The
        lease ends with its process, even by kill -9.
        """
        ...

    def work_under_way(self) -> list[str]:
        """Return what each lease is about that is held now, by whatever process."""
        ...


@dataclass(frozen=True)
class CompressedLayer:
    """A layer as it travels: the blob `digest`, of `size` bytes, made of the layer's own bytes."""

    layer: Digest
    compressor: Compressor
    digest: Digest
    size: int


class Cache(Protocol):
    """What finished work left, by the key of what went into it; forgetting it costs only time."""

    def recall(self, key: Digest) -> tuple[LayerReference, ...] | None:
        """Return the layers that work made, or None where it was not done or they are gone."""
        ...

    def remember(self, key: Digest, layers: Iterable[LayerReference]) -> None:
        """Keep what work made."""
        ...

    def compressed(self, layer: Digest, compressor: Compressor) -> CompressedLayer | None:
        """Return the blob that a layer was compressed to, or None where it was not or is gone."""
        ...

    def remember_compressed(self, made: CompressedLayer) -> None:
        """Keep what compressing made."""
        ...

    def compressed_layers(self) -> list[CompressedLayer]:
        """Return all that compressing made, whether or not it is still there."""
        ...

    def forget_lost(self) -> int:
        """Forget work whose results are gone, and return how many results were forgotten."""
        ...
