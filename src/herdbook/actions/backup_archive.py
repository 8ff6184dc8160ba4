"""Writes parcels to a place of backups and reads them back: sealed, in pieces kept once."""

import json
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from herdbook.core.errors import NetworkError, NotFoundError, VerificationError
from herdbook.fleet.backups import Backup, BackupStore, Shelf, patiently, surplus
from herdbook.fleet.sealing import Seal
from herdbook.fleet.volumes import PIECE_BYTES, Parcel, Snapshot
from herdbook.recipes.model import Variant

_WORKERS = 2
_AHEAD = 6
"""How many pieces are in memory, done or not: hashing, sealing and the disk work side by side."""

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Written:
    """A backup whose pieces are kept; without `finish` nobody sees it, and it is swept away.

    `names` are those of all its pieces; `new_bytes` is what was not there yet, as it is stored.
    """

    backup: Backup
    names: frozenset[str]
    new_bytes: int


class BackupArchive:
    """The backups of one installation, told by its key, at one place.

    Whoever writes has to be `alone` from `write` to the end of `thin_out`.
    """

    def __init__(self, store: BackupStore, seal: Seal) -> None:
        self._store = store
        self._seal = seal

    @property
    def where(self) -> str:
        """The place, for people."""
        return self._store.where

    def alone(self, waits: Callable[[], None] = patiently) -> AbstractContextManager[None]:
        """Keep other writers out; what `waits` raises ends the wait for them."""
        return self._store.alone(self._seal.identity, waits)

    def shelf(self) -> Shelf:
        """Return all backups that are there."""
        found, unreadable, vanished = [], [], []
        for path in sorted(self._store.names(f"{self._seal.identity}/backups")):
            try:
                content = self._seal.opened(path, self._store.read(path))
                found.append(Backup.model_validate_json(content))
            except (VerificationError, ValidationError):
                unreadable.append(path)
            except NotFoundError:  # another writer forgot it a moment ago
                vanished.append(path)
        return Shelf(tuple(sorted(found, key=_age)), tuple(unreadable), tuple(vanished))

    def has_strangers(self) -> bool:
        """Tell whether there are backups of other keys."""
        return any(not name.startswith(self._seal.identity) for name in self._store.names(""))

    def write(
        self, application: str, kind: Variant, parcel: Parcel, seen: Callable[[int], None]
    ) -> Written:
        """Keep the pieces of a parcel; `seen` is told how far into the parcel each reaches."""
        known = self._store.names(f"{self._seal.identity}/pieces")
        sizes: list[int] = []

        def keep(content: bytes) -> str:
            name = self._seal.name_of(content)
            path = self._piece(name)
            if path not in known:
                sealed = self._seal.sealed(path, content)
                self._store.keep(path, sealed)
                known.add(path)
                sizes.append(len(sealed))
            return name

        def keep_at(piece: tuple[int, bytes]) -> tuple[int, str]:
            offset, content = piece
            return offset, keep(content) if content else ""

        pieces = []
        for offset, name in _side_by_side(keep_at, parcel.pieces):
            pieces.append((offset, name))
            seen(offset)
        listing = json.dumps(pieces, separators=(",", ":")).encode()
        starts = range(0, len(listing), PIECE_BYTES)
        backup = Backup(
            name=f"{parcel.about.taken_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            application=application,
            volume=parcel.about.volume,
            kind=kind,
            taken_at=parcel.about.taken_at,
            size_bytes=parcel.about.size_bytes,
            fingerprint=parcel.fingerprint,
            listing=tuple(keep(listing[start : start + PIECE_BYTES]) for start in starts),
        )
        names = {*backup.listing, *(name for _, name in pieces if name)}
        return Written(backup, frozenset(names), sum(sizes))

    def finish(self, written: Written) -> None:
        """Let a backup be seen, all of it at once."""
        path = self._header(written.backup)
        content = written.backup.model_dump_json().encode()
        self._store.keep(path, self._seal.sealed(path, content))

    def parcel(self, backup: Backup, name: str, seen: Callable[[int], None]) -> Parcel:
        """Return a backup as the parcel of a snapshot of that name, read while it is unpacked."""
        about = Snapshot(backup.volume, name, backup.taken_at, backup.size_bytes)
        return Parcel(about, backup.fingerprint, self._pieces(backup, seen))

    def drop_damaged(self, written: Written) -> int:
        """Remove the pieces of a backup that are not what they were; the next one writes them anew.

        Returns how many there were. Its listing is not asked for them: it may be one of these.
        """
        dropped = 0
        for name in sorted(written.names):
            try:
                self._read(name)
            except VerificationError:
                self._store.forget(self._piece(name))
                dropped += 1
            except NotFoundError:
                continue
        return dropped

    def thin_out(self, newest: Backup, keep: int, now: datetime) -> list[Backup]:
        """Forget what is too old of a volume, then the pieces nobody needs; return the former.

        Where something cannot be read, nobody knows which pieces it needs: all are kept. So is
        everything where the newest is not shown, as others may not be: that raises NetworkError.
        """
        shelf = self.shelf()
        if newest not in shelf.backups:
            raise NetworkError(
                f"{self.where} does not show the backup {newest.name} that was just kept there, "
                "so nothing older was removed",
                hint="See whether all of it is there: a disk that is not mounted any more, a store "
                "that lists late. Then back up once more.",
            )
        gone = surplus(shelf.backups, newest, keep, now)
        for each in gone:
            self._store.forget(self._header(each))
        left = [each for each in shelf.backups if each not in gone]
        if shelf.unreadable or shelf.vanished:  # nobody else writes: what is gone is a bad answer
            return gone
        try:
            needed = {self._piece(name) for each in left for name in self._names(each)}
        except (VerificationError, NotFoundError):
            return gone
        for path in self._store.names(f"{self._seal.identity}/pieces") - needed:
            self._store.forget(path)
        return gone

    def _names(self, backup: Backup) -> set[str]:
        return {*backup.listing, *(name for _, name in self._listing(backup) if name)}

    def _listing(self, backup: Backup) -> list[tuple[int, str]]:
        content = b"".join(self._read(name) for name in backup.listing)
        return [(offset, name) for offset, name in json.loads(content)]

    def _pieces(self, backup: Backup, seen: Callable[[int], None]) -> Iterator[tuple[int, bytes]]:
        def read(piece: tuple[int, str]) -> tuple[int, bytes]:
            offset, name = piece
            return offset, self._read(name) if name else b""

        for offset, content in _side_by_side(read, self._listing(backup)):
            yield offset, content
            seen(offset)

    def _read(self, name: str) -> bytes:
        path = self._piece(name)
        return self._seal.opened(path, self._store.read(path))

    def _piece(self, name: str) -> str:
        return f"{self._seal.identity}/pieces/{name[:2]}/{name}"

    def _header(self, backup: Backup) -> str:
        return f"{self._seal.identity}/backups/{backup.name}"


def _age(backup: Backup) -> tuple[float, str]:
    return (backup.taken_at.timestamp(), backup.name)


def _side_by_side(act: Callable[[_Given], _Made], items: Iterable[_Given]) -> Iterator[_Made]:
    """Yield what comes of each item, in their order, some of them done ahead."""
    under_way: deque[Future[_Made]] = deque()
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        for item in items:
            under_way.append(pool.submit(act, item))
            if len(under_way) >= _AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
