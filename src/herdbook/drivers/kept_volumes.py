"""Keeps volumes and their snapshots in folders; what a volume is made of, its `Content` knows."""

import errno
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.digests import Digest
from herdbook.core.errors import (
    ConflictError,
    EngineError,
    NoSpaceError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers.claims import claim
from herdbook.drivers.copying import copy, to_disk
from herdbook.drivers.exchanging import exchange, recover, remove, remove_at_once, sync_names
from herdbook.drivers.snapshot_records import About, read_about, write_about
from herdbook.drivers.walking import walk
from herdbook.fleet.volumes import Parcel, Proof, Snapshot, check_volume_name

_CONTENT = "content"


def volume_claim(path: Path) -> Path:
    """Return the file whose lock is the claim on a volume: for its keeper, and for engines."""
    return path.with_name(f".{path.name}.claim")


class Content(Protocol):
    """One kind of volume: a file or a directory at a path."""

    def make(self, path: Path, size_bytes: int) -> None:
        """Make an empty one."""
        ...

    def alone(self, path: Path) -> AbstractContextManager[None]:
        """Keep instances out; raises ConflictError where one holds the volume."""
        ...

    def take(self, path: Path, target: Path) -> None:
        """Copy a volume, in use or not, and see to it that the copy is on the disk."""
        ...

    def fingerprint(self, path: Path) -> Digest:
        """Return a digest of all that a later user would find in it."""
        ...

    def prove(self, copy: Path, scratch: Path) -> Proof:
        """Look through all of it, in the new folder `scratch` if need be."""
        ...

    def send(self, copy: Path) -> Iterator[tuple[int, bytes]]:
        """Yield all of it as the pieces of a parcel; those of zeros may be among them."""
        ...

    def receive(self, target: Path, pieces: Iterator[tuple[int, bytes]]) -> None:
        """Make it from the pieces of a parcel; it need not be on the disk yet."""
        ...


class KeptVolumes:
    """Implements the port `Volumes` below `directory` for one kind of `content`."""

    def __init__(self, directory: Path, clock: Clock, content: Content) -> None:
        self._volumes = directory.resolve() / "current"
        self._snapshots = directory.resolve() / "snapshots"
        self._pins = directory.resolve() / "pins"
        self._trials = directory.resolve() / "trials"
        self._clock = clock
        self._content = content

    def make(self, volume: str, size_bytes: int) -> Path:
        """See to it that a volume is there, and return where."""
        with self._claimed(volume) as path:
            if not path.exists():
                self._content.make(path, size_bytes)
        return path

    def snapshot(self, volume: str, snapshot: str) -> Snapshot:
        """Copy a volume; the copy appears under its name when it is complete."""
        check_volume_name(snapshot)
        with self._shelf(volume) as shelf:
            place = shelf / snapshot
            if place.exists():
                return read_about(place).snapshot
            with _scratch(shelf) as incoming:
                taken_at = self._take(volume, incoming / _CONTENT)
                # Not before: who waits to start a machine need not wait for this.
                _put(self._about(volume, snapshot, taken_at, incoming), incoming, place)
            return read_about(place).snapshot

    def verify(self, volume: str, snapshot: str) -> Proof:
        """Prove that a snapshot is what was taken, by its digest and by looking through it."""
        with self._shelf(volume) as shelf, _scratch(shelf) as scratch:
            place = _existing(shelf, snapshot)
            about = read_about(place)
            self._check(place / _CONTENT, about)
            proof = self._content.prove(place / _CONTENT, scratch)
            proven = replace(about.snapshot, verified_at=self._clock.now())
            write_about(replace(about, snapshot=proven), place)
            return proof

    def restore(self, volume: str, snapshot: str) -> None:
        """Copy a snapshot, check the copy, and exchange it for the volume."""
        with self._shelf(volume) as shelf, _scratch(shelf) as scratch:
            place = _existing(shelf, snapshot)
            incoming = scratch / _CONTENT
            copy(place / _CONTENT, incoming)
            self._check(incoming, read_about(place))
            with self._claimed(volume) as path, self._content.alone(path):
                exchange(incoming, path)

    def snapshots(self, volume: str) -> list[Snapshot]:
        """Return the snapshots of a volume, the oldest first."""
        shelf = self._snapshots / check_volume_name(volume)
        places = sorted(shelf.iterdir()) if shelf.is_dir() else []
        found = []
        for place in places:
            if not place.name.startswith("."):
                with suppress(FileNotFoundError):  # it was forgotten a moment ago
                    found.append(read_about(place).snapshot)
        return sorted(found, key=lambda each: each.taken_at)

    def forget_snapshot(self, volume: str, snapshot: str) -> None:
        """Remove a snapshot; half of it is never seen."""
        with self._pinned(volume, snapshot), self._shelf(volume) as shelf:
            remove_at_once(shelf / snapshot)

    @contextmanager
    def send(self, volume: str, snapshot: str) -> Iterator[Parcel]:
        """Read a snapshot; others may be taken meanwhile, for that can take hours."""
        with self._pinned(volume, snapshot):
            with self._shelf(volume) as shelf:
                place = _existing(shelf, snapshot)
                about = read_about(place)
            sent = self._content.send(place / _CONTENT)
            pieces = (each for each in sent if not each[1] or each[1].count(0) < len(each[1]))
            yield Parcel(about.snapshot, about.fingerprint, pieces)

    def receive(self, parcel: Parcel) -> Snapshot:
        """Unpack beside the snapshots, check, and give it its name."""
        with self._shelf(parcel.about.volume) as shelf:
            place = shelf / check_volume_name(parcel.about.name)
            if place.exists():
                raise ConflictError(f"There is a snapshot {place.name!r} of {shelf.name!r} already")
            with _scratch(shelf) as incoming:
                about = self._unpack(parcel, incoming)
                to_disk(incoming / _CONTENT)
                _put(about, incoming, place)
            return about.snapshot

    def rehearse(self, parcel: Parcel) -> None:
        """Unpack apart from the snapshots, of which others may be taken meanwhile, and check."""
        with self._trial(parcel.about.volume) as trial, _scratch(trial) as incoming:
            self._unpack(parcel, incoming)

    def _unpack(self, parcel: Parcel, folder: Path) -> About:
        about = About(replace(parcel.about, verified_at=self._clock.now()), parcel.fingerprint)
        self._content.receive(folder / _CONTENT, parcel.pieces)
        self._check(folder / _CONTENT, about)
        return about

    def destroy(self, volume: str) -> None:
        """Remove a volume, then its snapshots; waits for those who read one."""
        with ExitStack() as pins:
            for name in sorted(each.name for each in self.snapshots(volume)):
                pins.enter_context(self._pinned(volume, name))
            shelf = pins.enter_context(self._shelf(volume))
            with self._claimed(volume) as path, self._content.alone(path):
                remove_at_once(path)
            remove_at_once(shelf)
        with self._trial(volume):  # which removes what a killed one has left
            pass

    def _take(self, volume: str, target: Path) -> datetime:
        with self._claimed(volume) as path:
            if not path.exists():
                raise NotFoundError(f"There is no volume {volume!r}", where=str(path))
            taken_at = self._clock.now()
            self._content.take(path, target)
        return taken_at

    def _about(self, volume: str, snapshot: str, taken_at: datetime, folder: Path) -> About:
        copy = folder / _CONTENT
        taken = Snapshot(volume, snapshot, taken_at, _size_bytes(copy))
        return About(taken, self._content.fingerprint(copy))

    @contextmanager
    def _claimed(self, volume: str) -> Iterator[Path]:
        """Hold a volume, and put right first what a killed process left."""
        path = self._volumes / check_volume_name(volume)
        with claim(volume_claim(path)):
            recover(path)
            yield path

    def _pinned(self, volume: str, snapshot: str) -> AbstractContextManager[int]:
        """Keep a snapshot where it is; before `_shelf`."""
        names = f"{check_volume_name(volume)}/{check_volume_name(snapshot)}"
        return claim(self._pins / digests.short(digests.of_bytes(names.encode())))

    def _shelf(self, volume: str) -> AbstractContextManager[Path]:
        """Hold the snapshots of a volume, without what a killed process left; before `_claimed`."""
        return _held(self._snapshots / check_volume_name(volume))

    def _trial(self, volume: str) -> AbstractContextManager[Path]:
        """Hold where backups of a volume are restored on trial."""
        return _held(self._trials / check_volume_name(volume))

    def _check(self, copy: Path, about: About) -> None:
        if self._content.fingerprint(copy) != about.fingerprint:
            raise VerificationError(
                f"The snapshot {about.snapshot.name!r} of the volume {about.snapshot.volume!r} "
                "is not what was taken",
                hint="Take another one; this one was changed or damaged on the disk.",
                where=str(copy),
            )


@contextmanager
def _held(shelf: Path) -> Iterator[Path]:
    with claim(volume_claim(shelf)):
        for left in shelf.glob(".*"):
            remove(left)
        yield shelf


def _existing(shelf: Path, snapshot: str) -> Path:
    place = shelf / check_volume_name(snapshot)
    if not place.exists():
        raise NotFoundError(
            f"There is no snapshot {snapshot!r} of the volume {shelf.name!r}", where=str(place)
        )
    return place


def _put(about: About, incoming: Path, place: Path) -> None:
    """Have a snapshot appear at its place, whole and on the disk."""
    write_about(about, incoming)
    sync_names(incoming)
    incoming.rename(place)
    sync_names(place.parent)


@contextmanager
def _scratch(shelf: Path) -> Iterator[Path]:
    """Give a new folder among the snapshots; what is still there afterwards is removed."""
    folder = shelf / ".work"
    try:
        folder.mkdir(parents=True, mode=0o700)
        yield folder
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpaceError(f"The disk is full: {error}", where=str(shelf)) from error
        raise EngineError(f"A snapshot cannot be worked on: {error}", where=str(shelf)) from error
    finally:
        remove(folder)
        with suppress(OSError):  # where there are no snapshots, no folder is left for them
            shelf.rmdir()


def _size_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    found = (each.lstat() for each in walk(path))
    return sum(each.st_size for each in found if not stat.S_ISDIR(each.st_mode))
