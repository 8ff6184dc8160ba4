"""What lies in the store's folders: listed, removed and set aside beside any other work."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

from herdbook.catalogue.stock import Held, Lease, Shelf
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.layers.indexing import parse_index
from herdbook.layers.tree import Tree
from herdbook.store.blobs import BlobStore
from herdbook.store.staging import Staging

_SECTOR_BYTES = 512  # what st_blocks counts, whatever the file system's own blocks are
_DIGITS = re.compile(r"[0-9a-f]{64}")
_UNTOLD = frozenset(
    {
        *(Shelf.ROOTS, Shelf.PACKAGES, Shelf.WHEELS, Shelf.NODE, Shelf.BASES),
        *(Shelf.DOWNLOADS, Shelf.UPLOADS),
    }
)
"""What work takes without leaving a trace of it."""


@dataclass(frozen=True)
class DiskStock:
    """The shelves of one state directory; `staging` lies on the same file system as they do."""

    blobs: BlobStore
    staging: Staging
    folders: Mapping[Shelf, Path]

    def now(self) -> int:
        """Return the time as files are given it."""
        return self.blobs.leases.now()

    def alone(self) -> AbstractContextManager[Sequence[Lease]]:
        """Keep other work from beginning and from using layers; see the port's promises."""
        return self.blobs.leases.alone()

    def held(self, shelf: Shelf) -> list[Held]:
        """Return what is on a shelf, by name."""
        found = []
        for path in self._all(shelf):
            with suppress(FileNotFoundError):  # somebody else removes it just now
                found.append(Held(path.name, _size(path), _used_at(path)))
        return found

    def remove(self, shelf: Shelf, names: Iterable[str], before: int) -> list[str]:
        """Remove what was not used since `before`; see the port's promises.

        It is gone at once, under a lock; giving its space back, which takes time, comes after.
        """
        removed = []
        with self.staging() as bin_folder, self.alone() as leases:
            if leases and shelf in _UNTOLD:
                return []
            for name in names:
                path = self.folders[shelf] / name
                with suppress(FileNotFoundError):
                    if _used_at(path) < before:
                        path.rename(bin_folder / name)
                        removed.append(name)
        return removed

    def blob(self, digest: Digest) -> Path:
        """Return where a blob lies or would lie."""
        return self.blobs.blob(digest)

    def tree(self, digest: Digest) -> Tree | None:
        """Return the tree kept for a layer, read anew."""
        try:
            return parse_index(self.blobs.index(digest).read_bytes())
        except FileNotFoundError:
            return None
        except (zstandard.ZstdError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise VerificationError(f"The tree of a layer cannot be read: {error}") from error

    def set_aside(self, digest: Digest) -> None:
        """Take a blob away so that nobody is given it any more."""
        folder = self.folders[Shelf.SET_ASIDE]
        folder.mkdir(parents=True, exist_ok=True)
        blob = self.blobs.blob(digest)
        with self.alone(), suppress(FileNotFoundError):
            blob.rename(folder / f"{blob.name}-{_used_at(blob)}")

    def leftovers(self) -> list[Path]:
        """Return what lies in the blob store and is neither kept nor being written."""
        return [*self._strange(), *self.blobs.abandoned()]

    def remove_leftovers(self) -> None:
        """Remove what `leftovers` returns."""
        with self.staging() as bin_folder:
            for number, path in enumerate(self._strange()):
                path.rename(bin_folder / str(number))
        self.blobs.sweep()

    def _strange(self) -> list[Path]:
        return [
            path
            for shelf in (Shelf.BLOBS, Shelf.TREES)
            for path in _inside(self.folders[shelf])
            if not _DIGITS.fullmatch(path.name) or not path.is_file()
        ]

    def _all(self, shelf: Shelf) -> Iterator[Path]:
        """Yield a shelf's things; hidden ones are their drivers' own."""
        return (path for path in _inside(self.folders[shelf]) if not path.name.startswith("."))


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _used_at(path: Path) -> int:
    """Return when something was made or last touched: no copy and no archive sets this time."""
    return path.lstat().st_ctime_ns


def _size(path: Path) -> int:
    """Return what a file takes on the disk, or a folder without what has names elsewhere too."""
    status = path.lstat()
    if not path.is_dir() or path.is_symlink():
        return status.st_blocks * _SECTOR_BYTES
    return sum(
        found.st_blocks * _SECTOR_BYTES for found in _files_below(path) if found.st_nlink == 1
    )


def _files_below(folder: Path) -> Iterator[os.stat_result]:
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                yield os.lstat(os.path.join(directory, name))  # noqa: PTH118 - ten thousand of them
