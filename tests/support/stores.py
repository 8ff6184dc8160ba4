"""A store on a disk, with everything that works on it and nothing that runs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from trees import file, open_content, tree
from versions import document, new_version

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.stock import Stock
from herdbook.core.digests import Digest
from herdbook.core.progress import NoProgress
from herdbook.images.documents import LayerReference
from herdbook.layers.tree import Entry
from herdbook.layers.writing import tar_pieces
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings
from herdbook.server.stock import open_stock


@dataclass(frozen=True)
class Store:
    """A workshop without engines, and the shelves of the same state."""

    state: Path
    workshop: Workshop
    stock: Stock

    def keep(self, name: str, content: bytes = b"one") -> LayerReference:
        """Keep a layer with one file; the same name and content are the same layer."""
        held = tree(file(name, content))
        digest, size = self.workshop.layers.write(tar_pieces(held.values(), _opener))
        self.workshop.layers.set_tree(digest, held)
        return LayerReference(name, digest, size)

    def add(self, image: str, seed: str, *layers: LayerReference, lock: str = "") -> Version:
        """Add a version whose container holds these layers."""
        new = new_version(image, f"{image} {seed}", variants=(Variant.CONTAINER,))
        config = document(f"config {image} {seed}")
        record = replace(new.variants[0], layers=layers, config=config.digest)
        whole = replace(new, variants=(record,), documents=(*new.documents, config))
        return self.workshop.versions.add(replace(whole, lock=lock or new.lock))

    def blob(self, digest: Digest) -> Path:
        """Return where a blob lies, without using it."""
        return self.stock.blob(digest)

    def blobs(self) -> set[str]:
        """Return the digests of all blobs."""
        return {f"sha256:{path.name}" for path in (self.state / "blobs/sha256").glob("*")}


def _opener(entry: Entry) -> BinaryIO:
    return open_content(entry)


def open_store(state: Path) -> Store:
    """Open a store, made if need be."""
    settings = Settings(state, f"sqlite:///{state}/herdbook.db")
    workshop = replace(open_workshop(settings, NoProgress()), engines={})
    return Store(state, workshop, open_stock(settings))
