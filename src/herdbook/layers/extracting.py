"""Unpacks a layer into a folder, for a command in the sandbox to stand on."""

import os
import tarfile
from pathlib import Path
from typing import BinaryIO

from herdbook.layers.reading import kind_of, normalised
from herdbook.layers.tree import Kind


def extract(layer: BinaryIO, folder: Path) -> None:
    """Unpack the files, folders and links of an uncompressed tar with their owners and modes.

    Meant for layers that Herdbook wrote above the packages: removals and file capabilities do not
    occur in them.
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
    else:
        archive.makefile(member, target)
    os.chown(target, member.uid, member.gid, follow_symlinks=False)
    if kind is not Kind.SYMLINK:
        target.chmod(member.mode)
        os.utime(target, (member.mtime, member.mtime))
