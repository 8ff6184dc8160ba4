"""Who holds a component: the way from it through layers and versions to images."""

from dataclasses import dataclass
from typing import NamedTuple

from herdbook.catalogue.components import Ecosystem
from herdbook.core.digests import Digest
from herdbook.recipes.model import Variant


@dataclass(frozen=True)
class ComponentQuery:
    """Which components are meant: by the name of a package or of its source, in any ecosystem."""

    name: str
    ecosystem: Ecosystem | None = None
    version: str = ""


class LayerUse(NamedTuple):
    """A layer that holds a component; both numbers are the index's own."""

    component: int
    layer: int
    digest: Digest


class Holding(NamedTuple):
    """A layer within an image, by the index's number and by what it is for there."""

    layer: int
    title: str


class Holder(NamedTuple):
    """A version's variants that have one of the layers asked for, and which ones those are."""

    image: str
    number: int
    newest: bool
    variants: tuple[Variant, ...]
    holdings: tuple[Holding, ...]

    @property
    def label(self) -> str:
        """How people name the version: `shop/web:3`."""
        return f"{self.image}:{self.number}"
