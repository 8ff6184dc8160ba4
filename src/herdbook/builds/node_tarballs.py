"""Unpacks an npm package's tarball into its folder, member for member as npm does (by pacote)."""

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO, Self, cast

from herdbook.core.digests import PIECE_BYTES
from herdbook.core.errors import InvalidInputError

_LATEST_TIME = 2**31 - 1  # what every file system can hold
_BROKEN = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, ValueError)
_CONTRADICTORY = (FileExistsError, IsADirectoryError, NotADirectoryError)


def unpack_tarball(tarball: Path, folder: Path, label: str) -> None:
    """Unpack a package into a folder, in place of what is there; `label` is what people call it.

    Modes are 755 or 644, files keep their times. Links are left out: npm packs none and unpacks
    none. Raises InvalidInputError for a tarball that is damaged or leads out of the folder.
    """
    try:
        if folder.exists():  # a package above may bring one of its own
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        with tarfile.open(tarball, "r:*", tarinfo=_Member) as archive:
            for member in archive:
                _unpack_member(archive, member, folder)
    except (*_BROKEN, *_CONTRADICTORY) as error:
        raise InvalidInputError(
            f"The npm package {label} cannot be unpacked: {error}",
            hint="Take another version of it.",
        ) from error


class _Member(tarfile.TarInfo):
    """A member whose header is whole: `tarfile` takes a damaged one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]  # not in typeshed
            raise tarfile.ReadError(str(error)) from error


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    path = _inner_path(member.name)
    if not path or member.issym() or member.islnk():
        return
    target = folder / path
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif not member.isfile():
        raise ValueError(f"{member.name!r} is no file and no folder")
    elif target.name != ".gitignore":
        _write(archive, member, target)
    elif not target.with_name(".npmignore").exists():
        _write(archive, member, target.with_name(".npmignore"))


def _inner_path(name: str) -> str:
    """Return a member's path without its first folder, whatever that is called."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts:
        raise ValueError(f"{name!r} leads out of the package's folder")
    return "/".join(part for part in parts[1:] if part not in ("", "."))


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = cast("BinaryIO", archive.extractfile(member))
    with target.open("wb") as file:
        shutil.copyfileobj(content, file, PIECE_BYTES)
    target.chmod(0o755 if member.mode & 0o111 else 0o644)
    time = min(max(int(member.mtime), 0), _LATEST_TIME)
    os.utime(target, (time, time))
