"""Opens the stamps, and nothing that takes time to load."""

from pathlib import Path

from herdbook.catalogue.stamps import Stamps
from herdbook.server.settings import Settings
from herdbook.store.stamps import StampFiles

_SQLITE = "sqlite:///"


def open_stamps(settings: Settings) -> Stamps:
    """Return the stamps of this machine's state."""
    url = settings.database_url
    database = Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None
    state = settings.state_directory
    return StampFiles(state / "stamps", database, state / "blobs")
