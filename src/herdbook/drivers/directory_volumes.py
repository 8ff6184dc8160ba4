"""Keeps the volumes of containers: plain directories of this machine."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.drivers.copying import copy_in_use
from herdbook.drivers.kept_volumes import KeptVolumes
from herdbook.drivers.mounted_elsewhere import mounted_elsewhere
from herdbook.drivers.tar_parcels import packed, unpack
from herdbook.drivers.walking import walk
from herdbook.fleet.volumes import Proof


def directory_volumes(state_directory: Path, clock: Clock) -> KeptVolumes:
    """Return the keeper of container volumes; it implements `fleet.volumes.Volumes`."""
    return KeptVolumes(state_directory / "volumes" / "directories", clock, DirectoryContent())


class DirectoryContent:
    """A volume that is a directory; whoever mounts it elsewhere holds it."""

    def make(self, path: Path, size_bytes: int) -> None:
        """Make an empty directory of root's; nothing limits its size."""
        del size_bytes
        path.mkdir()
        path.chmod(0o755)  # whatever our umask is

    @contextmanager
    def alone(self, path: Path) -> Iterator[None]:
        """Refuse while some other mount namespace has the directory mounted.

        Nothing keeps a container from being started meanwhile: that is up to who starts them.
        """
        holder = mounted_elsewhere(path)
        if holder is not None:
            raise ConflictError(
                f"The volume {path.name!r} is in use by process {holder}",
                hint="Stop the instance that holds it first.",
            )
        yield

    def take(self, path: Path, target: Path) -> None:
        """Copy file by file."""
        copy_in_use(path, target)

    def fingerprint(self, path: Path) -> Digest:
        """Return a digest of names, kinds, owners, modes, attributes and contents, not of times."""
        return digests.of_json_array(_described(each, path) for each in walk(path))

    def prove(self, source: Path, scratch: Path) -> Proof:
        """Count the files: that each can be read, the fingerprint has shown."""
        del scratch
        found = (each.lstat() for each in walk(source))
        sizes = [each.st_size for each in found if stat.S_ISREG(each.st_mode)]
        return Proof(len(sizes), sum(sizes))

    def send(self, copy: Path) -> Iterator[tuple[int, bytes]]:
        """Pack a tar archive."""
        return packed(copy)

    def receive(self, target: Path, pieces: Iterator[tuple[int, bytes]]) -> None:
        """Unpack a tar archive."""
        unpack(target, pieces)


def _described(path: Path, root: Path) -> list[object]:
    found = path.lstat()
    name = os.fsdecode(os.path.relpath(path, root))
    names = sorted(os.listxattr(path, follow_symlinks=False))
    attributes = [[each, os.getxattr(path, each, follow_symlinks=False).hex()] for each in names]
    described: list[object] = [name, found.st_mode, found.st_uid, found.st_gid, attributes]
    if stat.S_ISREG(found.st_mode):
        described.append(digests.of_file(path))
    elif stat.S_ISLNK(found.st_mode):
        described.append(str(path.readlink()))
    return described
