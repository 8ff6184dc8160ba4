"""Lays partitions out on a disk: protective MBR, both copies of the GPT, sparse contents."""

import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.digests import PIECE_BYTES
from herdbook.core.errors import InvalidInputError

SECTOR_BYTES = 512
ALIGNMENT_BYTES = 1 << 20
"""Where partitions begin: a multiple of every erase block and RAID stripe worth minding."""

ESP_NAME = "herdbook-esp"
ROOT_NAME = "herdbook-root"
WRITABLE_NAME = "herdbook-rw"

ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
"""EFI system partition (UEFI specification, table 5.7)."""

LINUX_TYPE = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
"""Linux file system data: nothing mounts it by itself, only our initrd, by its name."""

_NAMESPACE = uuid.UUID("6f1c1f0e-2f0c-5c68-9d0e-6f4a9f1f2b11")
_ENTRY = struct.Struct("<16s16sQQQ72s")
_ENTRY_COUNT = 128
_TABLE_SECTORS = _ENTRY_COUNT * _ENTRY.size // SECTOR_BYTES
_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
_REVISION = 0x00010000
_NAME_BYTES = 72
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_MBR_SIGNATURE = b"\x55\xaa"
_MBR_TABLE_OFFSET = 446
_PROTECTIVE = 0xEE


@dataclass(frozen=True)
class Partition:
    """A partition of `size_bytes` (rounded up to 1 MiB); `content` fills it from its start."""

    name: str
    type_id: uuid.UUID
    size_bytes: int
    content: Path


@dataclass(frozen=True)
class Layout:
    """Where everything lies, in sectors; `partitions` are (first, last), both inclusive."""

    disk_sectors: int
    partitions: tuple[tuple[int, int], ...]


def identifier(seed: str, name: str) -> uuid.UUID:
    """Return the GUID that `name` has on the disk made from `seed`: the same on every run."""
    return uuid.uuid5(_NAMESPACE, f"{seed}/{name}")


def partition(name: str, type_id: uuid.UUID, content: Path) -> Partition:
    """Return a partition as large as its content."""
    return Partition(name, type_id, content.stat().st_size, content)


def lay_out(sizes_bytes: Sequence[int]) -> Layout:
    """Return where partitions of these sizes lie, each beginning and ending on a 1 MiB boundary."""
    unit = ALIGNMENT_BYTES // SECTOR_BYTES
    places: list[tuple[int, int]] = []
    next_sector = unit
    for size_bytes in sizes_bytes:
        sectors = -(-size_bytes // ALIGNMENT_BYTES) * unit
        places.append((next_sector, next_sector + sectors - 1))
        next_sector += sectors
    # One unit more for the backup table, so that the disk is whole MiB as some clouds demand.
    return Layout(next_sector + unit, tuple(places))


def write_disk(target: Path, partitions: Sequence[Partition], seed: str) -> None:
    """Write a raw disk to `target`; equal arguments and contents give equal bytes.

    Blocks of zeros are left out of the file. Raises InvalidInputError where a content is larger
    than its partition.
    """
    layout = lay_out([partition.size_bytes for partition in partitions])
    primary, backup = tables(partitions, layout, seed)
    with target.open("wb") as disk:
        disk.truncate(layout.disk_sectors * SECTOR_BYTES)
        disk.write(primary)
        disk.seek(-len(backup), os.SEEK_END)
        disk.write(backup)
        for partition, (first, last) in zip(partitions, layout.partitions, strict=True):
            room_bytes = (last - first + 1) * SECTOR_BYTES
            if partition.content.stat().st_size > room_bytes:
                raise InvalidInputError(f"The content of {partition.name} is larger than its place")
            disk.seek(first * SECTOR_BYTES)
            _copy_sparsely(partition.content, disk.fileno(), first * SECTOR_BYTES)


def tables(partitions: Sequence[Partition], layout: Layout, seed: str) -> tuple[bytes, bytes]:
    """Return what stands at the disk's start (MBR and table) and at its end (backup table).

    UEFI specification 2.10, chapter 5: the header's checksum is taken with its own field zero,
    and the two headers name each other's place.
    """
    entries = b"".join(
        _entry(partition, place, seed)
        for partition, place in zip(partitions, layout.partitions, strict=True)
    ).ljust(_ENTRY_COUNT * _ENTRY.size, b"\0")
    last = layout.disk_sectors - 1
    disk_id = identifier(seed, "disk")
    primary = _header(1, last, 2, entries, disk_id)
    backup = _header(last, 1, last - _TABLE_SECTORS, entries, disk_id)
    return _protective_mbr(layout.disk_sectors) + primary + entries, entries + backup


def _entry(partition: Partition, place: tuple[int, int], seed: str) -> bytes:
    name = partition.name.encode("utf-16-le").ljust(_NAME_BYTES, b"\0")
    own_id = identifier(seed, partition.name)
    return _ENTRY.pack(partition.type_id.bytes_le, own_id.bytes_le, *place, 0, name)


def _header(
    own_sector: int, other_sector: int, table_sector: int, entries: bytes, disk_id: uuid.UUID
) -> bytes:
    last = max(own_sector, other_sector)

    def packed(checksum: int) -> bytes:
        return _HEADER.pack(
            b"EFI PART",
            _REVISION,
            _HEADER.size,
            checksum,
            0,
            own_sector,
            other_sector,
            2 + _TABLE_SECTORS,
            last - _TABLE_SECTORS - 1,
            disk_id.bytes_le,
            table_sector,
            _ENTRY_COUNT,
            _ENTRY.size,
            zlib.crc32(entries),
        )

    return packed(zlib.crc32(packed(0))).ljust(SECTOR_BYTES, b"\0")


def _protective_mbr(disk_sectors: int) -> bytes:
    sectors = min(disk_sectors - 1, 0xFFFFFFFF)
    entry = _MBR_ENTRY.pack(0, b"\x00\x02\x00", _PROTECTIVE, b"\xff\xff\xff", 1, sectors)
    return (bytes(_MBR_TABLE_OFFSET) + entry).ljust(SECTOR_BYTES - 2, b"\0") + _MBR_SIGNATURE


def _copy_sparsely(source: Path, disk: int, offset: int) -> None:
    zeros = bytes(PIECE_BYTES)
    with source.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            if piece != zeros[: len(piece)]:
                os.pwrite(disk, piece, offset)
            offset += len(piece)
