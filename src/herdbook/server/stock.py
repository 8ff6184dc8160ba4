"""Opens the shelves of this machine's state, for the commands that clean and check them."""

from herdbook.catalogue.stock import Shelf, Stock
from herdbook.server.settings import Settings
from herdbook.store.blobs import BlobStore
from herdbook.store.staging import Staging
from herdbook.store.stock import DiskStock


def open_stock(settings: Settings) -> Stock:
    """Return the shelves that a workshop on the same settings works with."""
    state = settings.state_directory
    blobs = state / "blobs"
    return DiskStock(
        blobs=BlobStore(blobs),
        staging=Staging(state / "staging"),
        folders={
            Shelf.BLOBS: blobs / "sha256",
            Shelf.TREES: blobs / "trees",
            Shelf.SET_ASIDE: blobs / "damaged",
            Shelf.ARTEFACTS: state / "artefacts",
            Shelf.ROOTS: state / "roots",
            Shelf.PACKAGES: state / "archive" / "debs",
            Shelf.WHEELS: state / "wheels",
            Shelf.NODE: state / "node",
            Shelf.BASES: state / "bases",
            Shelf.SOURCES: state / "sources",
            Shelf.DOWNLOADS: state / "registries" / "arriving",
            Shelf.UPLOADS: state / "registries" / "uploads",
            Shelf.HOLDERS: state / "registries" / "holders",
        },
    )
