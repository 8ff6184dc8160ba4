"""Keeps volumes in memory: the port's promises, and knobs for what may befall a volume."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.digests import canonical_json, of_bytes
from herdbook.core.errors import (
    ConflictError,
    NotFoundError,
    VerificationError,
)
from herdbook.fleet.volumes import PIECE_BYTES, Parcel, Proof, Snapshot, check_volume_name


@dataclass
class FakeVolume:
    """One volume: its files by name, and whether an instance holds it. Set what you want."""

    files: dict[str, bytes] = field(default_factory=dict)
    held: bool = False


@dataclass
class FakeSnapshot:
    """One snapshot: what it says of itself, its files, and whether somebody has damaged it."""

    about: Snapshot
    files: dict[str, bytes]
    damaged: bool = False


@dataclass
class FakeShelf:
    """What fake keepers share as real ones share a disk: volumes, and snapshots by name."""

    volumes: dict[Path, FakeVolume] = field(default_factory=dict)
    snapshots: dict[Path, dict[str, FakeSnapshot]] = field(default_factory=dict)


class FakeVolumes:
    """Keeps volumes on a `shelf`; without one, on a shelf of its own."""

    def __init__(self, state_directory: Path, clock: Clock, shelf: FakeShelf | None = None) -> None:
        self._directory = state_directory / "volumes" / "fake"
        self._clock = clock
        self.shelf = shelf or FakeShelf()

    def make(self, volume: str, size_bytes: int) -> Path:
        """Take note of a volume; the path leads nowhere."""
        del size_bytes
        path = self._path(volume)
        self.shelf.volumes.setdefault(path, FakeVolume())
        return path

    def snapshot(self, volume: str, snapshot: str) -> Snapshot:
        """Keep the files as they are."""
        path = self._path(volume)
        check_volume_name(snapshot)
        taken = self.shelf.snapshots.setdefault(path, {})
        if snapshot not in taken:
            if path not in self.shelf.volumes:
                raise NotFoundError(f"There is no volume {volume!r}")
            files = dict(self.shelf.volumes[path].files)
            size_bytes = sum(map(len, files.values()))
            about = Snapshot(volume, snapshot, self._clock.now(), size_bytes)
            taken[snapshot] = FakeSnapshot(about, files)
        return taken[snapshot].about

    def verify(self, volume: str, snapshot: str) -> Proof:
        """Tell whether it was damaged."""
        found = self._sound(volume, snapshot)
        found.about = replace(found.about, verified_at=self._clock.now())
        files = found.files
        return Proof(len(files), sum(map(len, files.values())))

    def restore(self, volume: str, snapshot: str) -> None:
        """Put the files back."""
        files = dict(self._sound(volume, snapshot).files)
        self._refuse_held(volume)
        self.shelf.volumes[self._path(volume)] = FakeVolume(files)

    def snapshots(self, volume: str) -> list[Snapshot]:
        """Return the snapshots of a volume, the oldest first."""
        taken = self.shelf.snapshots.get(self._path(volume), {})
        return sorted((each.about for each in taken.values()), key=lambda each: each.taken_at)

    def forget_snapshot(self, volume: str, snapshot: str) -> None:
        """Forget a snapshot."""
        check_volume_name(snapshot)
        self.shelf.snapshots.get(self._path(volume), {}).pop(snapshot, None)

    @contextmanager
    def send(self, volume: str, snapshot: str) -> Iterator[Parcel]:
        """Pack the files as JSON, in pieces as large as real ones."""
        found = self._sound(volume, snapshot)
        packed = _packed(found.files)
        starts = range(0, len(packed), PIECE_BYTES)
        pieces = [(start, packed[start : start + PIECE_BYTES]) for start in starts]
        yield Parcel(found.about, of_bytes(packed), iter([*pieces, (len(packed), b"")]))

    def receive(self, parcel: Parcel) -> Snapshot:
        """Keep the files of a parcel as a snapshot."""
        files = self._unpacked(parcel)
        taken = self.shelf.snapshots.setdefault(self._path(parcel.about.volume), {})
        if parcel.about.name in taken:
            raise ConflictError(f"There is a snapshot {parcel.about.name!r} already")
        about = replace(parcel.about, verified_at=self._clock.now())
        taken[check_volume_name(parcel.about.name)] = FakeSnapshot(about, files)
        return about

    def rehearse(self, parcel: Parcel) -> None:
        """Look through a parcel."""
        self._unpacked(parcel)

    def destroy(self, volume: str) -> None:
        """Forget a volume and its snapshots."""
        self._refuse_held(volume)
        self.shelf.volumes.pop(self._path(volume), None)
        self.shelf.snapshots.pop(self._path(volume), None)

    def _path(self, volume: str) -> Path:
        return self._directory / check_volume_name(volume)

    def _unpacked(self, parcel: Parcel) -> dict[str, bytes]:
        packed = bytearray()
        for offset, piece in parcel.pieces:
            packed += bytes(offset - len(packed)) + piece
        if of_bytes(bytes(packed)) != parcel.fingerprint:
            raise VerificationError(f"The snapshot {parcel.about.name!r} is not what was sent")
        return {name: content.encode("latin-1") for name, content in json.loads(packed).items()}

    def _refuse_held(self, volume: str) -> None:
        found = self.shelf.volumes.get(self._path(volume))
        if found is not None and found.held:
            raise ConflictError(f"The volume {volume!r} is in use")

    def _sound(self, volume: str, snapshot: str) -> FakeSnapshot:
        found = self.shelf.snapshots.get(self._path(volume), {}).get(check_volume_name(snapshot))
        if found is None:
            raise NotFoundError(f"There is no snapshot {snapshot!r} of the volume {volume!r}")
        if found.damaged:
            raise VerificationError(f"The snapshot {snapshot!r} is not what was taken")
        return found


def _packed(files: Mapping[str, bytes]) -> bytes:
    return canonical_json({name: content.decode("latin-1") for name, content in files.items()})
