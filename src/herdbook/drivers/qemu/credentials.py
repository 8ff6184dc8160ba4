"""Hands a machine its settings and secrets on a small disk, gone from here once it runs."""

import os
from pathlib import Path

from herdbook.disks.given_files import given_files
from herdbook.disks.memory_folders import memory_folders
from herdbook.disks.secrets import secrets_disk
from herdbook.disks.service_changes import service_files
from herdbook.disks.volumes import MountPoint, mount_list
from herdbook.fleet.instances import Wanted
from herdbook.fleet.machine_changes import machine_changes

_BLOCK_BYTES = 512


def write_credentials(wanted: Wanted, path: Path) -> Path | None:
    """Write the disk as a private file; None where there is nothing to hand over.

    It also says where volumes, folders in memory and files are to be seen, and what the service
    does otherwise than its image says: a whole disk brings its own command line. Raises
    InvalidInputError for what no machine can be told.
    """
    path.unlink(missing_ok=True)
    more = {**given_files(wanted.files), **service_files(machine_changes(wanted.process))}
    volumes = [MountPoint(volume.target, volume.read_only) for volume in wanted.volumes]
    mounts = mount_list(volumes, memory_folders(wanted.confinement.temporary))
    if not (wanted.environment or wanted.secrets or mounts or more):
        return None
    content = secrets_disk(wanted.environment, wanted.secrets, mounts, more)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.write(bytes(-len(content) % _BLOCK_BYTES))
    return path


def remove_credentials(path: Path) -> None:
    """Remove the file: QEMU holds it open, and nobody else needs it."""
    path.unlink(missing_ok=True)
