"""The frozen records of images, versions, variants and layers."""

from dataclasses import dataclass
from datetime import datetime

from herdbook.catalogue.components import LayerBill
from herdbook.core.digests import Digest
from herdbook.images.documents import Document, LayerReference
from herdbook.recipes.model import Variant

__all__ = ["ImageSummary", "NewVersion", "Variant", "VariantRecord", "Version"]


@dataclass(frozen=True)
class VariantRecord:
    """One variant of a version: its manifest and its layers, the lowest first.

    So many of the lowest as `common` says are made of packages and dependencies alone, and other
    images have them too, in the same order: they are kept once for all of those.
    """

    kind: Variant
    manifest: Digest
    config: Digest
    layers: tuple[LayerReference, ...]
    common: int = 0

    @property
    def size_bytes(self) -> int:
        """The uncompressed size of all layers together."""
        return sum(layer.size for layer in self.layers)


@dataclass(frozen=True)
class Cause:
    """What made a version other than its author's wish: a campaign, and why so, by their numbers.

    `before` is the number of the version that it followed on.
    """

    campaign: int
    proof: int
    before: int


@dataclass(frozen=True)
class NewVersion:
    """A build's result on its way into the catalogue, with the documents it consists of.

    `parent` is the image and number of the version it was made from. `bills` are those of its
    layers that are not known yet. `wishes` names what its author wrote, in the recipe or catalogue
    at `home`; `may_rebase` says whether that allows other layers to be put below. `reason` is why
    it came to be, where that was neither its author's wish nor a campaign; `signer` is the identity
    of the key that had signed it elsewhere. One `of_its_own` gets a number whatever it is equal to.
    """

    image: str
    digest: Digest
    build_key: Digest
    lock: str
    recipe: str
    created_at: datetime
    variants: tuple[VariantRecord, ...]
    documents: tuple[Document, ...]
    parent: tuple[str, int] | None = None
    bills: tuple[LayerBill, ...] = ()
    wishes: Digest | None = None
    home: str = ""
    may_rebase: bool = True
    cause: Cause | None = None
    reason: str = ""
    signer: str = ""
    of_its_own: bool = False


@dataclass(frozen=True)
class Version:
    """One immutable build result of an image; what older ones do not know is empty."""

    image: str
    number: int
    digest: Digest
    build_key: Digest
    created_at: datetime
    lock: str
    recipe: str
    variants: tuple[VariantRecord, ...]
    wishes: Digest | None = None
    home: str = ""

    @property
    def label(self) -> str:
        """How people name it: `shop/web:3`."""
        return f"{self.image}:{self.number}"

    def variant(self, kind: Variant) -> VariantRecord | None:
        """Return one variant, or None where the version has none of that kind."""
        return next((each for each in self.variants if each.kind is kind), None)


@dataclass(frozen=True)
class ImageSummary:
    """An image: how many versions it has, and what is worth knowing of the newest."""

    name: str
    versions: int
    number: int
    digest: Digest
    created_at: datetime
    variants: tuple[Variant, ...]


def shared_bytes(one: VariantRecord, other: VariantRecord) -> int:
    """Return how many bytes of `one` are layers that `other` has too."""
    others = {layer.digest for layer in other.layers}
    return sum(layer.size for layer in one.layers if layer.digest in others)
