"""Keeps the volumes of machines: raw disks, copied from under a machine if one runs."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.drivers.claims import claim
from herdbook.drivers.copying import copy
from herdbook.drivers.kept_volumes import KeptVolumes, volume_claim
from herdbook.drivers.qemu.backup import back_up
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.file_systems import make_volume, mend, prove_ext4
from herdbook.drivers.qemu.image_lock import locked
from herdbook.drivers.qemu.machine_command import volume_node
from herdbook.drivers.qemu.record import Record
from herdbook.drivers.qemu.sightings import living_process
from herdbook.fleet.instances import VolumeDisk
from herdbook.fleet.volumes import PIECE_BYTES, Proof


def disk_volumes(state_directory: Path, clock: Clock) -> KeptVolumes:
    """Return the keeper of machine volumes; it implements `fleet.volumes.Volumes`."""
    content = DiskContent(Directories(state_directory.resolve()), clock)
    return KeptVolumes(state_directory / "volumes" / "disks", clock, content)


@contextmanager
def ready(volumes: tuple[VolumeDisk, ...]) -> Iterator[None]:
    """Mend volumes after a crash, and keep their keeper out until a machine has them.

    Raises NotFoundError for an absent one, ConflictError where another machine has one, and
    EngineError where one is damaged.
    """
    with ExitStack() as claims:
        for path in sorted({volume.path.resolve() for volume in volumes}):
            if not path.is_file():
                raise NotFoundError("A volume of the machine is missing", where=str(path))
            claims.enter_context(claim(volume_claim(path)))
        for volume in volumes:
            _mend(volume)
        yield


class DiskContent:
    """A volume that is a raw disk with one ext4; the machine that has it open holds it."""

    def __init__(self, directories: Directories, clock: Clock) -> None:
        self._directories = directories
        self._clock = clock

    def make(self, path: Path, size_bytes: int) -> None:
        """Make an empty file system of that size."""
        make_volume(path, size_bytes, path.name)

    @contextmanager
    def alone(self, path: Path) -> Iterator[None]:
        """Lock the disk as QEMU would."""
        if not path.exists():
            yield
            return
        with locked(path):
            yield

    def take(self, path: Path, target: Path) -> None:
        """Have the machine that holds the disk copy it; without one, copy the file."""
        for record in self._directories.records():
            paths = [volume.resolve() for volume in record.volumes]
            if path in paths and living_process(record, self._directories.of(record.name)):
                self._back_up(record, paths.index(path), target)
                return
        with locked(path):
            copy(path, target)

    def fingerprint(self, path: Path) -> Digest:
        """Return a digest of the size and of every piece that is not all zeros.

        So it does not matter where a file has holes, and holes are not read.
        """
        state = hashlib.sha256(str(path.stat().st_size).encode())
        with path.open("rb", buffering=0) as stream:
            for offset in _pieces_with_data(stream.fileno(), digests.PIECE_BYTES):
                piece = os.pread(stream.fileno(), digests.PIECE_BYTES, offset)
                if piece.count(0) < len(piece):
                    state.update(offset.to_bytes(8, "big") + piece)
        return Digest("sha256:" + state.hexdigest())

    def prove(self, source: Path, scratch: Path) -> Proof:
        """Play the journal of a copy, check it whole, and list its files."""
        trial = scratch / "disk"
        copy(source, trial)
        return prove_ext4(trial)

    def send(self, copy: Path) -> Iterator[tuple[int, bytes]]:
        """Read the disk where it has data."""
        with copy.open("rb", buffering=0) as stream:
            for offset in _pieces_with_data(stream.fileno(), PIECE_BYTES):
                yield offset, os.pread(stream.fileno(), PIECE_BYTES, offset)
            yield os.fstat(stream.fileno()).st_size, b""

    def receive(self, target: Path, pieces: Iterator[tuple[int, bytes]]) -> None:
        """Write a disk with holes where there are no pieces."""
        with target.open("xb") as stream:
            for offset, piece in pieces:
                stream.seek(offset)
                stream.write(piece)
            stream.truncate()

    def _back_up(self, record: Record, number: int, target: Path) -> None:
        size_bytes = record.volumes[number].stat().st_size
        full = target.with_name("full")
        back_up(record.monitor, volume_node(number), size_bytes, full, self._clock)
        copy(full, target, shared=False)  # QEMU gives room to all the zeros
        full.unlink()


def _mend(volume: VolumeDisk) -> None:
    try:
        with locked(volume.path):
            mend(volume.path)
    except ConflictError:
        # Many may read it; the first of them found it mended, and a writer keeps QEMU out.
        if not volume.read_only:
            raise


def _pieces_with_data(descriptor: int, piece_bytes: int) -> Iterator[int]:
    """Yield the offsets of those pieces of a file that are not one hole."""
    offset, end = 0, os.fstat(descriptor).st_size
    while offset < end:
        try:
            found = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError:  # no data from here on
            return
        offset = max(offset, found // piece_bytes * piece_bytes)
        yield offset
        offset += piece_bytes
