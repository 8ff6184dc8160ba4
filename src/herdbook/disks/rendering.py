"""The port through which disks are made by outside programs, and the sizes they need."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

RENDERING = 5
"""Counts changes of what is made of the same layers: init script, modules, command lines."""

MEBIBYTE = 1 << 20

COMMAND_LINE = "console=ttyS0 quiet panic=-1"
"""What every machine boots with; panic=-1 turns a kernel's death into a restart, not a hang."""

DISK_COMMAND_LINE = "console=tty0 console=ttyS0,115200 quiet panic=-1"
"""For a whole disk, which may meet a screen: the last console named is the one that is told."""

EMULATED_COMMAND_LINE = "mitigations=off cryptomgr.notests tsc=reliable"
"""Added under emulation only, where no speculation leaks anything: saves 0.4 of 4.5 s."""


@dataclass(frozen=True)
class DiskParts:
    """The files a whole disk is made of; `writable_bytes` of 0 leaves the writable part out."""

    unified_kernel: Path
    root: Path
    writable_bytes: int = 0


class Renderer(Protocol):
    """Makes file systems and disks without root, mounts or loop devices.

    Promises, for every method: equal arguments and contents give equal bytes; `target` appears
    only when it is complete and replaces what was there; raises MissingToolError where a program
    is missing, NoSpaceError where the disk is full, StepFailedError where a program fails.
    `seed` names what is rendered (a digest): identifiers are derived from it.
    """

    def root(self, archive: Iterable[bytes], target: Path, seed: str) -> None:
        """Make an immutable EROFS root from the pieces of one tar, consumed in flat memory."""
        ...

    def writable(self, target: Path, size_bytes: int, seed: str) -> None:
        """Make an empty ext4 of that size for the writable layer, sparse."""
        ...

    def disk(self, parts: DiskParts, target: Path, seed: str) -> None:
        """Make a raw disk that UEFI firmware boots: ESP, root and, if wanted, a writable part."""
        ...

    def qcow2(self, raw: Path, target: Path) -> None:
        """Convert a raw disk to compressed qcow2."""
        ...


def boot_partition_bytes(unified_kernel_bytes: int) -> int:
    """Return the size of a FAT32 ESP with room for two kernels: FAT32 begins at 33 MiB."""
    wanted = 2 * unified_kernel_bytes + MEBIBYTE
    return max(64 * MEBIBYTE, -(-wanted // MEBIBYTE) * MEBIBYTE)


def command_line(hostname: str = "", *, emulated: bool = False, log: str = "ttyS1") -> str:
    """Return the kernel command line for a direct boot by an engine of ours.

    `log` is the serial port that takes the service's output.
    """
    words = [COMMAND_LINE, f"herdbook.log={log}" if log else ""]
    words.append(EMULATED_COMMAND_LINE if emulated else "")
    words.append(f"systemd.hostname={hostname}" if hostname else "")
    return " ".join(word for word in words if word)
