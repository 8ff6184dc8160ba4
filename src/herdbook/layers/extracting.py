"""Unpacks a layer into a folder, for a command in the sandbox to stand on."""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from herdbook.layers.reading import kept_xattrs, kind_of, normalised
from herdbook.layers.tree import Kind


def unpack(pieces: Iterator[bytes], folder: Path) -> None:
    """Unpack a tar that comes in pieces."""
    extract(cast("BinaryIO", io.BufferedReader(_Pieces(pieces), 1 << 20)), folder)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed says Buffer
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def extract(layer: BinaryIO, folder: Path) -> None:
    """Unpack files, folders and links of an uncompressed tar: owners, modes, capabilities.

    Meant for what holds no removals: merged layers, and those Herdbook wrote above the packages.
    """
    with tarfile.open(fileobj=layer, mode="r|") as archive:
        for member in archive:
            path = normalised(member.name)
            if path:
                _extract_one(archive, member, folder / path)


def _extract_one(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    kind = kind_of(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind is Kind.DIRECTORY:
        target.mkdir(exist_ok=True)
    elif kind is Kind.SYMLINK:
        target.symlink_to(member.linkname)
    elif kind is Kind.HARDLINK:
        root = target.parents[len(normalised(member.name).split("/")) - 1]
        target.hardlink_to(root / normalised(member.linkname))
        return  # owner, mode and capabilities are the file's, and a new owner would drop the latter
    else:
        archive.makefile(member, target)
    os.chown(target, member.uid, member.gid, follow_symlinks=False)
    if kind is not Kind.SYMLINK:
        target.chmod(member.mode)
        for name, value in kept_xattrs(member):
            os.setxattr(target, name, value)
        os.utime(target, (member.mtime, member.mtime))
