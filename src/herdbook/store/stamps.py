"""Remembers each image's newest build in a small file: "nothing changed" is said at once."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from herdbook.catalogue.stamps import Stamp
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.whole_files import write_whole

_HEADER_BYTES = 100
_USER_VERSION = slice(60, 64)
"""Where SQLite keeps the number that store.database gives each database."""


@dataclass(frozen=True)
class StampFiles:
    """Stamps under `directory`, valid for one database file only.

    Where that file is gone, or is another one, no stamp is believed; nor where a layer is missing
    in `blobs`. With a database that is no file there are none.
    """

    directory: Path
    database: Path | None
    blobs: Path | None = None

    def recall(self, image: str) -> Stamp | None:
        """Return the image's newest build, or None where the register has to be asked."""
        identity = self._database_identity()
        try:
            content = json.loads(self._path(image).read_bytes())
        except (OSError, ValueError):
            return None
        if identity is None or not isinstance(content, dict):
            return None
        if content.pop("database", None) != identity:
            return None
        try:
            stamp = Stamp(**{**content, "layers": tuple(content["layers"])})
        except (TypeError, KeyError):  # written by another version of Herdbook
            return None
        return stamp if all(self._has(layer) for layer in stamp.layers) else None

    def keep(self, stamp: Stamp) -> None:
        """Remember the newest build of an image."""
        identity = self._database_identity()
        if identity is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self._path(stamp.image)
        write_whole(path, json.dumps({**asdict(stamp), "database": identity}).encode())

    def forget(self, image: str) -> None:
        """Have no stamp for the image."""
        self._path(image).unlink(missing_ok=True)

    def _has(self, layer: Digest) -> bool:
        if self.blobs is None:
            return True
        return (self.blobs / "sha256" / digests.hexadecimal(layer)).exists()

    def _path(self, image: str) -> Path:
        name = digests.hexadecimal(digests.of_bytes(image.encode()))
        return self.directory / f"{name}.json"

    def _database_identity(self) -> list[int] | None:
        """Return what no other database has, not even one made anew in the same place."""
        if self.database is None:
            return None
        try:
            inode = self.database.stat().st_ino
            header = os.pread(_opened(self.database, inode), _HEADER_BYTES, 0)
        except OSError:
            return None
        return [inode, int.from_bytes(header[_USER_VERSION], "big")]


@cache
def _opened(database: Path, inode: int) -> int:
    """Return a descriptor of the database file that stays open until this process ends.

    Closing it would give up all locks that SQLite holds on the file for this process (fcntl(2)),
    and others would then take the log it writes for one that nobody needs.
    """
    del inode  # another file in the same place is opened anew
    return os.open(database, os.O_RDONLY | os.O_CLOEXEC)
