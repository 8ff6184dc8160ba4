"""Implements the port of `disks.rendering` with real programs, none of which needs root."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from herdbook.disks import gpt
from herdbook.disks.rendering import DiskParts, boot_partition_bytes
from herdbook.drivers.rendering import steps

_FAT_EPOCH_SECONDS = 315_532_800
"""FAT knows no time before 1980."""

_BOOT_DIRECTORIES = ("::/EFI", "::/EFI/BOOT")
_BOOT_FILE = "::/EFI/BOOT/BOOTX64.EFI"
"""What UEFI firmware starts where nothing was set up (UEFI specification, 3.5.1.1)."""


@dataclass(frozen=True)
class Tool:
    """How a program is started: its path, or a loader, the loader's options and the path."""

    arguments: tuple[str, ...]


class ProgramRenderer:
    """Renders with mkfs.erofs (1.8 or newer), mkfs.ext4, mkfs.fat, mtools and qemu-img.

    `epoch_seconds` is the time everything is given (SOURCE_DATE_EPOCH).
    """

    def __init__(self, erofs: Tool, *, epoch_seconds: int) -> None:
        self._erofs = erofs
        self._epoch_seconds = epoch_seconds
        self._variables = steps.environment(epoch_seconds)

    def root(self, archive: Iterable[bytes], target: Path, seed: str) -> None:
        """Make an immutable EROFS root from the pieces of one tar, consumed in flat memory."""
        options = (
            "--quiet",
            "--tar=f",
            "-zlz4",  # under emulation it starts seconds faster than anything smaller
            f"-T{self._epoch_seconds}",
            "--mkfs-time",  # files keep their own times, which Python compares with its caches
            f"-U{gpt.identifier(seed, gpt.ROOT_NAME)}",
        )
        with steps.complete_at(target) as unfinished:
            # With no source named, it reads the tar from its standard input.
            command = [*self._erofs.arguments, *options, str(unfinished)]
            steps.feed(command, archive, {**self._variables, "TMPDIR": str(unfinished.parent)})

    def writable(self, target: Path, size_bytes: int, seed: str) -> None:
        """Make an empty ext4 of that size for the writable layer, sparse."""
        own_id = gpt.identifier(seed, gpt.WRITABLE_NAME)
        with steps.complete_at(target) as unfinished:
            with unfinished.open("wb") as file:
                file.truncate(size_bytes)
            extended = f"hash_seed={own_id},lazy_itable_init=0,root_owner=0:0"
            command = ["mkfs.ext4", "-q", "-F", "-m", "0", "-U", str(own_id), "-E", extended]
            steps.run([*command, unfinished], self._variables)

    def disk(self, parts: DiskParts, target: Path, seed: str) -> None:
        """Make a raw disk that UEFI firmware boots: ESP, root and, if wanted, a writable part."""
        with steps.complete_at(target) as unfinished:
            boot = unfinished.with_name("boot-partition")
            self._boot_partition(parts.unified_kernel, boot, seed)
            partitions = [
                gpt.partition(gpt.ESP_NAME, gpt.ESP_TYPE, boot),
                gpt.partition(gpt.ROOT_NAME, gpt.LINUX_TYPE, parts.root),
            ]
            if parts.writable_bytes:
                writable = unfinished.with_name("writable-partition")
                self.writable(writable, parts.writable_bytes, seed)
                partitions.append(gpt.partition(gpt.WRITABLE_NAME, gpt.LINUX_TYPE, writable))
            gpt.write_disk(unfinished, partitions, seed)

    def qcow2(self, raw: Path, target: Path) -> None:
        """Convert a raw disk to compressed qcow2."""
        with steps.complete_at(target) as unfinished:
            options = ("-f", "raw", "-O", "qcow2", "-c", "-o", "compression_type=zstd")
            steps.run(["qemu-img", "convert", *options, raw, unfinished], self._variables)

    def _boot_partition(self, unified_kernel: Path, target: Path, seed: str) -> None:
        """Make a FAT32 ESP whose only file is the unified kernel."""
        boot_file = target.with_name("boot-file")
        shutil.copyfile(unified_kernel, boot_file)
        seconds = max(self._epoch_seconds, _FAT_EPOCH_SECONDS)
        os.utime(boot_file, (seconds, seconds))
        with target.open("wb") as file:
            file.truncate(boot_partition_bytes(unified_kernel.stat().st_size))
        volume_id = gpt.identifier(seed, gpt.ESP_NAME).hex[:8]
        # One sector per cluster: with more, a disk this small would have too few for FAT32.
        form = ("-F", "32", "-s", "1", "--invariant", "-i", volume_id, "-n", "HERDBOOK")
        variables = steps.environment(seconds)
        steps.run(["mkfs.fat", *form, target], variables)
        steps.run(["mmd", "-i", target, *_BOOT_DIRECTORIES], variables)
        steps.run(["mcopy", "-m", "-i", target, boot_file, _BOOT_FILE], variables)
