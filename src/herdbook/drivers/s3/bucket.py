"""Keeps backups in a bucket: an object for each name."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from herdbook.compose.backup_places import BucketPlace
from herdbook.drivers.s3.connection import Connection, Patience
from herdbook.drivers.s3.writers import Lease, Writers
from herdbook.fleet.backups import LARGEST_BYTES, fitting, is_name, patiently, words_of

_OURS = "herdbook-backups"
_WRITERS = "herdbook-writers"


def open_bucket(
    place: BucketPlace,
    folder: Path,
    patience: Patience | None = None,
    lease: Lease | None = None,
) -> "BackupBucket":
    """Return the backups at a place; `folder` is where writers of this machine wait for each other.

    Raises our errors where the bucket cannot be used as it is.
    """
    opened = BackupBucket(
        Connection(place, patience or Patience()), place, folder, lease or Lease()
    )
    opened.check()
    return opened


class BackupBucket:
    """Implements the port `BackupStore`: a name is put whole by one request, or not at all.

    What is kept is small, the largest a piece of a parcel. So nothing is sent in parts, and a
    writer that is killed leaves no parts behind.
    """

    def __init__(
        self, connection: Connection, place: BucketPlace, folder: Path, lease: Lease
    ) -> None:
        self._connection = connection
        self._place = place
        top = f"{place.prefix}/" if place.prefix else ""
        self._top = f"{top}{_OURS}/"
        self._writers = Writers(connection, f"{top}{_WRITERS}/", place.address, folder, lease)

    def check(self) -> None:
        """Raise our errors where the bucket cannot be used, before anything is done for it."""
        self._connection.check(self._top)

    @property
    def where(self) -> str:
        """The address, which holds no secret."""
        return self._place.address

    def names(self, folder: str) -> set[str]:
        """Return the objects below that may be ours, page by page."""
        below = f"{self._key(folder)}/" if folder else self._top
        keys = (key.removeprefix(self._top) for key, _ in self._connection.list(below))
        return {key for key in keys if is_name(key)}

    def keep(self, name: str, content: bytes) -> None:
        """Put an object; raises ConflictError where others may have begun to write here."""
        key = self._key(name)
        self._writers.require()
        self._connection.put(key, content)

    def read(self, name: str) -> bytes:
        """Get an object."""
        return fitting(name, self._connection.get(self._key(name), LARGEST_BYTES + 1))

    def forget(self, name: str) -> None:
        """Delete an object; raises ConflictError where others may have begun to write here."""
        key = self._key(name)
        self._writers.require()
        self._connection.delete(key)

    def alone(
        self, folder: str = "", waits: Callable[[], None] = patiently
    ) -> AbstractContextManager[None]:
        """Keep out other writers of this machine and of others; killed ones leave nothing."""
        del folder
        return self._writers.alone(waits)

    def _key(self, name: str) -> str:
        return self._top + "/".join(words_of(name))
