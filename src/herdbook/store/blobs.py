"""Layers in a folder laid out as an OCI blob store, each written whole or not at all."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NoSpaceError, NotFoundError
from herdbook.layers.indexing import parse_index, render_index
from herdbook.layers.tree import Tree


@dataclass(frozen=True)
class BlobStore:
    """Blobs under `directory`: bytes in `sha256/`, trees beside them in `trees/`."""

    directory: Path

    def write(self, pieces: Iterable[bytes]) -> tuple[Digest, int]:
        """Keep bytes and return their digest and size; see the port's promises."""
        state, size = hashlib.sha256(), 0
        with _Incoming(self.directory) as incoming:
            for piece in pieces:
                incoming.write(piece)
                state.update(piece)
                size += len(piece)
            digest = Digest("sha256:" + state.hexdigest())
            incoming.keep_as(self._blob(digest))
        return digest, size

    def path(self, digest: Digest) -> Path:
        """Return the file that holds a layer's bytes."""
        path = self._blob(digest)
        if not path.exists():
            raise NotFoundError(
                f"The layer {digests.short(digest)} is not in the store",
                hint="Build the image again: a layer can always be made from its lock.",
            )
        return path

    def has(self, digest: Digest) -> bool:
        """Tell whether bytes and tree of a layer are both here."""
        return self._blob(digest).exists() and self._tree(digest).exists()

    def set_tree(self, digest: Digest, tree: Tree) -> None:
        """Keep the tree of a layer."""
        with _Incoming(self.directory) as incoming:
            incoming.write(render_index(tree))
            incoming.keep_as(self._tree(digest))

    def tree(self, digest: Digest) -> Tree:
        """Return the tree of a layer."""
        self.path(digest)
        return parse_index(self._tree(digest).read_bytes())

    def _blob(self, digest: Digest) -> Path:
        return self.directory / "sha256" / digests.hexadecimal(digest)

    def _tree(self, digest: Digest) -> Path:
        return self.directory / "trees" / digests.hexadecimal(digest)


class _Incoming:
    """A file being written, which disappears unless it is kept under its final name."""

    def __init__(self, directory: Path) -> None:
        folder = directory / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        self._path = Path(name)
        self._stream = os.fdopen(descriptor, "wb", buffering=1 << 20)

    def __enter__(self) -> Self:
        return self

    def write(self, piece: bytes) -> None:
        self._stream.write(piece)

    def keep_as(self, target: Path) -> None:
        self._stream.flush()
        os.fchmod(self._stream.fileno(), 0o644)
        # After a power cut, a name in the store must never stand for bytes that did not arrive.
        os.fdatasync(self._stream.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.rename(target)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            self._stream.close()
        except OSError as closing:
            error = error or closing
        self._path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise NoSpaceError(
                "There is no space left for the store", hint=f"Make room under {self._path.parent}."
            ) from error
