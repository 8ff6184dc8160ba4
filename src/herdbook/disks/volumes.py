"""Tells a machine which of its disks are volumes, and where each of them is to be mounted."""

from collections.abc import Sequence
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.disks import root_paths

LIST_NAME = "herdbook.volumes"
"""The file of this start's disk that the initrd reads: a line for each volume."""


@dataclass(frozen=True)
class MountPoint:
    """Where a machine mounts a volume: an absolute path of its root."""

    target: str
    read_only: bool = False


def serial(number: int) -> str:
    """Return the virtio serial by which the initrd knows a volume; 20 characters at most."""
    return f"herdbook-volume-{number}"


def mount_list(mount_points: Sequence[MountPoint]) -> bytes:
    """Return what the initrd mounts, in that order; a volume's number is its place in the list.

    Raises InvalidInputError for a target that is no plain path, or is one twice.
    """
    numbered = sorted(enumerate(mount_points), key=lambda each: each[1].target)
    lines = []
    for number, point in numbered:  # sorted, what lies below another one comes after it
        _check(point.target)
        lines.append(f"{serial(number)} {'ro' if point.read_only else 'rw'} {point.target}\n")
    if len({point.target for point in mount_points}) < len(mount_points):
        raise InvalidInputError("Two volumes are to be mounted at the same path")
    return "".join(lines).encode()


def _check(target: str) -> None:
    if not root_paths.is_plain(target):
        raise InvalidInputError(
            f"No volume can be mounted at {target!r}",
            hint=root_paths.HINT,
        )
    if not root_paths.is_of_the_root(target):
        raise InvalidInputError(f"No volume can be mounted at {target}: it is the kernel's or /run")
