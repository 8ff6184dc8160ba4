"""Layers in a folder laid out as an OCI blob store, each written whole or not at all."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NoSpaceError, NotFoundError
from herdbook.layers.indexing import parse_index, render_index
from herdbook.layers.tree import Tree
from herdbook.store.leases import Leases
from herdbook.store.staging import Staging


@dataclass(frozen=True)
class BlobStore:
    """Blobs under `directory`: bytes in `sha256/`, trees beside them in `trees/`.

    Whatever is written or handed out carries the time of that, so that what is not needed and was
    not used for a while can be told from what somebody works with.
    """

    directory: Path

    def write(self, pieces: Iterable[bytes]) -> tuple[Digest, int]:
        """Keep bytes and return their digest and size; see the port's promises."""
        state, size = hashlib.sha256(), 0
        with _incoming(self._staging) as incoming:
            for piece in pieces:
                incoming.stream.write(piece)
                state.update(piece)
                size += len(piece)
            digest = Digest("sha256:" + state.hexdigest())
            incoming.keep_as(self.blob(digest), self.leases)
        return digest, size

    def path(self, digest: Digest) -> Path:
        """Return the file that holds a layer's bytes."""
        path = self.blob(digest)
        if not self._use(path):
            raise _absent(digest)
        return path

    def has(self, digest: Digest) -> bool:
        """Tell whether bytes and tree of a layer are both here."""
        return self._use(self.blob(digest), self.index(digest))

    def has_blob(self, digest: Digest) -> bool:
        """Tell whether bytes are here that need no tree: those of a compressed layer."""
        return self._use(self.blob(digest))

    def set_tree(self, digest: Digest, tree: Tree) -> None:
        """Keep the tree of a layer."""
        with _incoming(self._staging) as incoming:
            incoming.stream.write(render_index(tree))
            incoming.keep_as(self.index(digest), self.leases)

    def tree(self, digest: Digest) -> Tree:
        """Return the tree of a layer."""
        if not self.has(digest):
            raise _absent(digest)
        try:
            return _parsed(self.index(digest))
        except FileNotFoundError:
            raise _absent(digest) from None

    def work_under_way(self) -> list[str]:
        """Return what each lease is about that is held now."""
        return self.leases.living()

    def lease(self, about: str) -> AbstractContextManager[None]:
        """Say that work is under way; see the port's promises."""
        return self.leases.lease(about)

    def sweep(self) -> None:
        """Remove what killed programs were writing."""
        self._staging.sweep()

    def abandoned(self) -> list[Path]:
        """Return what was being written by programs that are gone."""
        return self._staging.abandoned()

    @property
    def leases(self) -> Leases:
        """The work under way on these blobs."""
        return Leases(self.directory / "leases")

    @property
    def _staging(self) -> Staging:
        return Staging(self.directory / "incoming")

    def blob(self, digest: Digest) -> Path:
        """Return where a blob lies or would lie; looking at it there is no use of it."""
        return self.directory / "sha256" / digests.hexadecimal(digest)

    def index(self, digest: Digest) -> Path:
        """Return where the tree of a layer lies or would lie."""
        return self.directory / "trees" / digests.hexadecimal(digest)

    def _use(self, *paths: Path) -> bool:
        """Give files the time of now if all of them are there, and tell whether they are."""
        with self.leases.sharing():
            try:
                for path in paths:
                    os.utime(path)
            except FileNotFoundError:
                return False
        return True


@lru_cache(maxsize=256)
def _parsed(index: Path) -> Tree:
    """Parse an index once: it is named by the layer it describes, so it never changes."""
    return MappingProxyType(parse_index(index.read_bytes()))


def _absent(digest: Digest) -> NotFoundError:
    return NotFoundError(
        f"The layer {digests.short(digest)} is not in the store",
        hint="Build the image again: a layer can always be made from its lock.",
    )


@dataclass(frozen=True)
class _Incoming:
    """A file being written, which disappears unless it is kept under its final name."""

    path: Path
    stream: BinaryIO

    def keep_as(self, target: Path, leases: Leases) -> None:
        self.stream.flush()
        os.fchmod(self.stream.fileno(), 0o644)
        # After a power cut, a name in the store must never stand for bytes that did not arrive.
        os.fdatasync(self.stream.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        with leases.sharing():  # else a file that is found old here could be removed as this one
            self.path.rename(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _incoming(staging: Staging) -> Iterator[_Incoming]:
    try:
        with staging() as folder:
            path = folder / "blob"
            with path.open("wb", buffering=1 << 20) as stream:
                yield _Incoming(path, stream)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoSpaceError(
            f"There is no space left for layers under {staging.directory.parent}",
            hint="Make room there, then run the same command again: it goes on where it stopped.",
        ) from error
