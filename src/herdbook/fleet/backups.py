"""What is known of a backup, and the port to the place where backups are kept."""

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.fleet.applications import Settled
from herdbook.fleet.schedules import is_ahead
from herdbook.fleet.volumes import PIECE_BYTES
from herdbook.recipes.model import Variant

_WORD = re.compile(r"[a-z0-9-][a-z0-9.-]*")


LARGEST_BYTES = PIECE_BYTES + (1 << 20)
"""What is kept under one name: a piece, and a little for the seal."""


def patiently() -> None:
    """Wait for others as long as they take."""


class Backup(Settled):
    """What is written of a backup: enough to restore it where nothing else is known.

    `fingerprint` is that of what the volume held (fleet/volumes.py). `listing` names the pieces
    that hold the list of all its pieces.
    """

    name: str
    application: str
    volume: str
    kind: Variant
    taken_at: datetime
    size_bytes: int
    fingerprint: Digest
    listing: tuple[str, ...]

    @property
    def subject(self) -> tuple[str, Variant, str]:
        """What it is a backup of: of each of these, so many are kept."""
        return (self.application, self.kind, self.volume)


@dataclass(frozen=True)
class Shelf:
    """The backups of one target, the oldest first, and the names of those nobody can read.

    `vanished` are those that were listed, and were not there when they were read.
    """

    backups: tuple[Backup, ...]
    unreadable: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()


class BackupStore(Protocol):
    """Keeps named bytes that are sealed already, on a disk or a server that others may read.

    A name is words of lower-case letters, digits, hyphens and full stops, parted by slashes, none
    of which begins with a full stop. What is kept under one is no larger than LARGEST_BYTES.

    Promises, proven by one contract suite for all drivers: what is kept is there whole, or not at
    all, whatever was killed; what others laid there under what is no name is not seen, and what is
    too large for us not read; drivers raise only Herdbook's errors: NotFoundError for what is
    absent, VerificationError for what is too large, NoSpaceError where it is full.
    """

    @property
    def where(self) -> str:
        """The place, for people."""
        ...

    def names(self, folder: str) -> set[str]:
        """Return the names that begin with the words of `folder`; all of them where it is empty."""
        ...

    def keep(self, name: str, content: bytes) -> None:
        """Keep bytes under a name, in place of what was there; they outlive a power cut."""
        ...

    def read(self, name: str) -> bytes:
        """Return what is kept under a name; raises NotFoundError, VerificationError."""
        ...

    def forget(self, name: str) -> None:
        """Remove what is kept under a name; idempotent."""
        ...

    def alone(
        self, folder: str = "", waits: Callable[[], None] = patiently
    ) -> AbstractContextManager[None]:
        """Keep out others that want to be alone, until the block ends or this program is killed.

        What killed writers left below `folder` is removed. While others are there, `waits` is
        called again and again: what it raises ends the wait.
        """
        ...


def is_name(text: str) -> bool:
    """Tell whether something may be kept under a text."""
    return all(_WORD.fullmatch(word) for word in text.split("/"))


def words_of(name: str) -> list[str]:
    """Return the words of a name; raises InvalidInputError for what is none."""
    if not is_name(name):
        raise InvalidInputError(f"{name!r} is not a name for something to be kept")
    return name.split("/")


def fitting(name: str, content: bytes) -> bytes:
    """Return what was read under a name; raises VerificationError for more than we keep."""
    if len(content) > LARGEST_BYTES:
        raise VerificationError(
            f"{name} of the backups is larger than anything that was kept there"
        )
    return content


def in_order(backups: Iterable[Backup], now: datetime) -> list[Backup]:
    """Return backups, the oldest first.

    Those from the future come before all others: nobody knows when they were made.
    """
    return sorted(
        backups, key=lambda each: (not is_ahead(each.taken_at, now), each.taken_at, each.name)
    )


def surplus(backups: tuple[Backup, ...], newest: Backup, keep: int, now: datetime) -> list[Backup]:
    """Return which backups of the same volume are too many, `newest` being kept in any case."""
    same = in_order((each for each in backups if each.subject == newest.subject), now)
    return [each for each in same[: -max(keep, 1)] if each.name != newest.name]
