"""A disk's partition table is valid, the same on every run, and leaves zeros out of the file."""

import struct
import zlib
from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks import gpt

MEBIBYTE = 1 << 20


@pytest.fixture
def partitions(tmp_path: Path) -> list[gpt.Partition]:
    boot = tmp_path / "boot"
    boot.write_bytes(b"boot" + bytes(2 * MEBIBYTE) + b"end")
    root = tmp_path / "root"
    root.write_bytes(b"root" * 1000)
    return [
        gpt.partition(gpt.ESP_NAME, gpt.ESP_TYPE, boot),
        gpt.Partition(gpt.ROOT_NAME, gpt.LINUX_TYPE, 5 * MEBIBYTE, root),
    ]


@pytest.fixture
def disk(partitions: list[gpt.Partition], tmp_path: Path) -> bytes:
    gpt.write_disk(tmp_path / "disk", partitions, "seed")
    return (tmp_path / "disk").read_bytes()


def check_header(disk: bytes, sector: int) -> tuple[int, ...]:
    """Check a header's and its table's checksum; return own, other, first, last, table sector."""
    header = bytearray(disk[sector * 512 : sector * 512 + 92])
    assert header[:8] == b"EFI PART"
    (own_checksum,) = struct.unpack_from("<I", header, 16)
    header[16:20] = bytes(4)
    assert zlib.crc32(header) == own_checksum
    own, other, first, last = struct.unpack_from("<QQQQ", header, 24)
    table, count, size, checksum = struct.unpack_from("<QIII", header, 72)
    assert zlib.crc32(disk[table * 512 : table * 512 + count * size]) == checksum
    assert own == sector
    return own, other, first, last, table


def test_both_headers_are_valid_and_name_each_other(disk: bytes) -> None:
    last_sector = len(disk) // 512 - 1
    own, other, _, _, table = check_header(disk, 1)
    assert (own, other, table) == (1, last_sector, 2)
    own, other, _, last, table = check_header(disk, last_sector)
    assert (own, other) == (last_sector, 1)
    assert table == last + 1


def test_a_protective_mbr_keeps_old_programs_away(disk: bytes) -> None:
    assert disk[510:512] == b"\x55\xaa"
    assert disk[450] == 0xEE
    assert struct.unpack_from("<II", disk, 454) == (1, len(disk) // 512 - 1)


def test_partitions_are_aligned_apart_and_found_by_name(disk: bytes) -> None:
    _, _, first_usable, last_usable, _ = check_header(disk, 1)
    entries = [disk[1024 + at * 128 : 1024 + at * 128 + 128] for at in range(3)]
    names = [entry[56:].decode("utf-16-le").rstrip("\0") for entry in entries]
    assert names == ["herdbook-esp", "herdbook-root", ""]
    places = [struct.unpack_from("<QQ", entry, 32) for entry in entries[:2]]
    assert all(first % 2048 == 0 for first, _ in places)
    assert first_usable <= places[0][0]
    assert places[0][1] < places[1][0]
    assert places[1][1] <= last_usable


def test_contents_are_where_the_table_says(disk: bytes) -> None:
    first = struct.unpack_from("<Q", disk, 1024 + 128 + 32)[0]
    assert disk[first * 512 :].startswith(b"root" * 1000)
    assert disk[MEBIBYTE : MEBIBYTE + 4] == b"boot"
    assert disk[3 * MEBIBYTE + 4 : 3 * MEBIBYTE + 7] == b"end"


def test_a_disk_is_whole_mebibytes(disk: bytes) -> None:
    assert len(disk) % MEBIBYTE == 0


def test_equal_arguments_give_equal_bytes(
    disk: bytes, partitions: list[gpt.Partition], tmp_path: Path
) -> None:
    gpt.write_disk(tmp_path / "again", partitions, "seed")
    assert (tmp_path / "again").read_bytes() == disk


def test_another_seed_gives_other_identifiers(
    disk: bytes, partitions: list[gpt.Partition], tmp_path: Path
) -> None:
    gpt.write_disk(tmp_path / "other", partitions, "other seed")
    other = (tmp_path / "other").read_bytes()
    assert other[568:584] != disk[568:584]
    assert other[1024 + 16 : 1024 + 32] != disk[1024 + 16 : 1024 + 32]


def test_zeros_take_no_room(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    with empty.open("wb") as file:
        file.truncate(64 * MEBIBYTE)
    gpt.write_disk(tmp_path / "disk", [gpt.partition("empty", gpt.LINUX_TYPE, empty)], "seed")
    assert (tmp_path / "disk").stat().st_blocks * 512 < MEBIBYTE


def test_a_content_larger_than_its_partition_is_refused(tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(bytes(2 * MEBIBYTE))
    partition = gpt.Partition("small", gpt.LINUX_TYPE, MEBIBYTE, content)
    with pytest.raises(InvalidInputError, match="small"):
        gpt.write_disk(tmp_path / "disk", [partition], "seed")
