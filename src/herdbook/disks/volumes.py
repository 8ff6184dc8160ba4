"""Tells a machine which of its disks are volumes, and where these and memory are to be mounted."""

from collections.abc import Sequence
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.disks import root_paths
from herdbook.disks.memory_folders import MemoryFolder

LIST_NAME = "herdbook.volumes"
"""The file of this start's disk that the initrd reads: a line for each volume."""

MEMORY = "memory"
"""What stands for a serial where a folder in memory is to be mounted; its options follow."""


@dataclass(frozen=True)
class MountPoint:
    """Where a machine mounts a volume: an absolute path of its root."""

    target: str
    read_only: bool = False


def serial(number: int) -> str:
    """Return the virtio serial by which the initrd knows a volume; 20 characters at most."""
    return f"herdbook-volume-{number}"


def mount_list(mount_points: Sequence[MountPoint], folders: Sequence[MemoryFolder] = ()) -> bytes:
    """Return what the initrd mounts, in that order; a volume's number is its place in the list.

    Raises InvalidInputError for a target that is no plain path, or is one twice.
    """
    for point in mount_points:
        _check(point.target)
    lines = {each.target: f"{MEMORY} {each.options}" for each in folders}
    for number, point in enumerate(mount_points):
        lines[point.target] = f"{serial(number)} {'ro' if point.read_only else 'rw'}"
    if len(lines) < len(mount_points) + len(folders):
        raise InvalidInputError("Two volumes are to be mounted at the same path")
    # Sorted, what lies below another one comes after it.
    return "".join(f"{lines[target]} {target}\n" for target in sorted(lines)).encode()


def _check(target: str) -> None:
    if not root_paths.is_plain(target):
        raise InvalidInputError(
            f"No volume can be mounted at {target!r}",
            hint=root_paths.HINT,
        )
    if not root_paths.is_of_the_root(target):
        raise InvalidInputError(f"No volume can be mounted at {target}: it is the kernel's or /run")
