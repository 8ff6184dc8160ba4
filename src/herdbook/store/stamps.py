"""Remembers each image's newest build in a small file: "nothing changed" is said at once."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from herdbook.catalogue.stamps import Stamp
from herdbook.core import digests


@dataclass(frozen=True)
class StampFiles:
    """Stamps under `directory`, valid for one database file only.

    Where that file is gone, or is another one, no stamp is believed. With a database that is no
    file there are none.
    """

    directory: Path
    database: Path | None

    def recall(self, image: str) -> Stamp | None:
        """Return the image's newest build, or None where the register has to be asked."""
        identity = self._database_identity()
        try:
            content = json.loads(self._path(image).read_bytes())
        except (OSError, ValueError):
            return None
        if identity is None or content.pop("database", None) != identity:
            return None
        try:
            return Stamp(**content)
        except TypeError:  # written by another version of Herdbook
            return None

    def keep(self, stamp: Stamp) -> None:
        """Remember the newest build of an image."""
        identity = self._database_identity()
        if identity is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self._path(stamp.image)
        incoming = path.with_suffix(f".{os.getpid()}")
        incoming.write_text(json.dumps({**asdict(stamp), "database": identity}))
        incoming.rename(path)

    def _path(self, image: str) -> Path:
        name = digests.hexadecimal(digests.of_bytes(image.encode()))
        return self.directory / f"{name}.json"

    def _database_identity(self) -> int | None:
        try:
            return self.database.stat().st_ino if self.database else None
        except OSError:
            return None
