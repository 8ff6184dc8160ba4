"""What is kept of a volume, and the port that makes volumes, copies them and lays copies back."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True)
class Snapshot:
    """What was in a volume at one moment; `size_bytes` is the size of its files or of its disk.

    `verified_at` is when it was proven last, None where it was not.
    """

    volume: str
    name: str
    taken_at: datetime
    size_bytes: int
    verified_at: datetime | None = None


@dataclass(frozen=True)
class Proof:
    """That a snapshot can be restored: how many regular files were found in it, and their size."""

    files: int
    size_bytes: int


PIECE_BYTES = 4 << 20
"""How much of a parcel is in one piece, at most."""


@dataclass(frozen=True)
class Parcel:
    """A snapshot on its way to another place or from there, in pieces of bytes.

    Each piece says where in the whole it belongs, and they come in that order; between them are
    zeros. The last one is empty, and says where the whole ends. Equal snapshots are equal pieces.
    `fingerprint` is that of what the snapshot holds, not of the pieces.
    """

    about: Snapshot
    fingerprint: Digest
    pieces: Iterator[tuple[int, bytes]]


class Volumes(Protocol):
    """Keeps the data of instances, which outlives them, and copies of it.

    Promises, proven by one contract suite for all drivers: all is found again by any later
    process, under one state directory; what is killed half-way leaves a volume and its snapshots
    as they were; drivers raise only Herdbook's errors: InvalidInputError for a name that is no
    file name, NotFoundError for an absent volume or snapshot, NoSpaceError where the disk is
    full. Who changes a volume or copies it keeps all others out; an engine that starts a machine
    on it waits, too.
    """

    def make(self, volume: str, size_bytes: int) -> Path:
        """See to it that a volume is there; return the directory or the raw disk.

        What is there is never touched, whatever its size. A directory has no size of its own: it
        takes what its file system has.
        """
        ...

    def snapshot(self, volume: str, snapshot: str) -> Snapshot:
        """Copy a volume as it is at this moment; a snapshot of that name is returned as it is.

        A disk may be in use: what is copied is what a power cut would leave at that moment. A
        directory is copied file by file: have its instance stopped, or quiet.
        """
        ...

    def verify(self, volume: str, snapshot: str) -> Proof:
        """Prove that a snapshot is what was taken, and whole; raises VerificationError if not.

        The proof is made on a copy of it, by reading all that it holds.
        """
        ...

    def restore(self, volume: str, snapshot: str) -> None:
        """Put what a snapshot holds in place of what a volume holds, at once or not at all.

        Raises ConflictError while an instance holds the volume, VerificationError where the
        snapshot is not what was taken. An absent volume is made.
        """
        ...

    def snapshots(self, volume: str) -> list[Snapshot]:
        """Return the snapshots of a volume, the oldest first; those of an absent one are none."""
        ...

    def forget_snapshot(self, volume: str, snapshot: str) -> None:
        """Remove a snapshot; idempotent."""
        ...

    def send(self, volume: str, snapshot: str) -> AbstractContextManager[Parcel]:
        """Read a snapshot for another place; nobody changes or forgets it until the block ends."""
        ...

    def receive(self, parcel: Parcel) -> Snapshot:
        """Make a parcel the snapshot it says it is, proven by its fingerprint.

        Raises VerificationError where it is not what was sent, ConflictError where there is a
        snapshot of that name. The volume itself need not be there.
        """
        ...

    def rehearse(self, parcel: Parcel) -> None:
        """Do as `receive` does, and keep nothing of it."""
        ...

    def destroy(self, volume: str) -> None:
        """Remove a volume and all its snapshots for good; idempotent.

        Raises ConflictError while an instance holds the volume.
        """
        ...


def check_volume_name(name: str) -> str:
    """Return the name of a volume or a snapshot; raises InvalidInputError if it is no file name."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is not a name for a volume or a snapshot",
            hint="Use up to 200 letters, digits, underscores, full stops and hyphens.",
        )
    return name
