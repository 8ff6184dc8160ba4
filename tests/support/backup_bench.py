"""A place of backups in memory, and an installation that writes to it and reads from it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from herdbook.actions.backup_archive import BackupArchive, Written
from herdbook.core.digests import of_bytes
from herdbook.drivers.fake.backups import FakeBackups
from herdbook.fleet.backups import Backup
from herdbook.fleet.sealing import Seal, new_key
from herdbook.fleet.volumes import Parcel, Snapshot
from herdbook.recipes.model import Variant

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)  # a Sunday
KEY = new_key()


@dataclass
class BackupBench:
    """A place of backups, and a clock that goes on with each of them."""

    store: FakeBackups = field(default_factory=FakeBackups)
    count: Iterator[int] = field(default_factory=itertools.count)

    @property
    def archive(self) -> BackupArchive:
        """A new one, that knows nothing of earlier ones."""
        return BackupArchive(self.store, Seal(KEY))

    def write(self, pieces: list[bytes], volume: str = "data") -> Written:
        about = Snapshot(volume, "one", NOON + timedelta(hours=next(self.count)), 1)
        placed = [(number * 100, piece) for number, piece in enumerate(pieces) if piece]
        parcel = Parcel(about, of_bytes(b"".join(pieces)), iter([*placed, (1000, b"")]))
        return self.archive.write("shop", Variant.CONTAINER, parcel, lambda _: None)

    def back_up(self, pieces: list[bytes], volume: str = "data", keep: int = 2) -> Backup:
        with self.archive.alone():
            written = self.write(pieces, volume)
            self.archive.finish(written)
            self.archive.thin_out(written.backup, keep, written.backup.taken_at)
        return written.backup

    def read(self, backup: Backup) -> list[tuple[int, bytes]]:
        return list(self.archive.parcel(backup, "one", lambda _: None).pieces)

    def pieces(self) -> set[str]:
        return self.store.names(f"{Seal(KEY).identity}/pieces")
