"""Sections appended to an EFI stub are found again where its header says they are."""

import struct

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.uki import append_sections

FILE_ALIGNMENT = 512
SECTION_ALIGNMENT = 4096
HEADERS_BYTES = 1024
SECTIONS = {".osrel": b"ID=debian\n", ".linux": b"K" * 5000, ".initrd": b"I"}


def stub(count: int = 1, headers_bytes: int = HEADERS_BYTES) -> bytes:
    """Build the smallest PE file that has `count` sections of 512 bytes."""
    coff = struct.pack("<HHIIIHH", 0x8664, count, 0, 0, 0, 240, 0x22)
    optional = bytearray(240)
    struct.pack_into("<II", optional, 32, SECTION_ALIGNMENT, FILE_ALIGNMENT)
    struct.pack_into("<II", optional, 56, 4096 * (count + 1), headers_bytes)
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    table = b"".join(
        struct.pack(
            "<8sIIIIIIHHI",
            *(b".old%d" % number, 100, 4096 * (number + 1), 512),
            *(headers_bytes + 512 * number, 0, 0, 0, 0, 0x60000020),
        )
        for number in range(count)
    )
    headers = (dos + b"PE\0\0" + coff + optional + table).ljust(headers_bytes, b"\0")
    return headers + b"o" * (512 * count)


def read_sections(image: bytes) -> dict[str, tuple[int, int, bytes]]:
    """Return (virtual address, offset in the file, content) of each section by name."""
    (count,) = struct.unpack_from("<H", image, 0x40 + 6)
    table = 0x40 + 24 + 240
    found = {}
    for number in range(count):
        name, size, address, raw_size, offset = struct.unpack_from(
            "<8sIIII", image, table + 40 * number
        )
        assert raw_size % FILE_ALIGNMENT == 0
        assert offset + raw_size <= len(image)
        found[name.rstrip(b"\0").decode()] = (address, offset, image[offset : offset + size])
    return found


def test_every_section_is_found_with_its_content() -> None:
    found = read_sections(append_sections(stub(), SECTIONS))
    assert {name: found[name][2] for name in SECTIONS} == SECTIONS
    assert found[".old0"][2] == b"o" * 100


def test_sections_are_aligned_and_do_not_overlap() -> None:
    image = append_sections(stub(), SECTIONS)
    found = read_sections(image)
    end = 0
    for address, offset, content in found.values():
        assert address % SECTION_ALIGNMENT == 0
        assert offset % FILE_ALIGNMENT == 0
        assert address >= end
        end = address + len(content)
    assert struct.unpack_from("<I", image, 0x40 + 24 + 56)[0] >= end


def test_equal_arguments_give_equal_bytes() -> None:
    assert append_sections(stub(), SECTIONS) == append_sections(stub(), SECTIONS)


def test_a_header_without_room_is_refused() -> None:
    full = stub(count=3, headers_bytes=512)
    with pytest.raises(InvalidInputError, match="no room"):
        append_sections(full, SECTIONS)


@pytest.mark.parametrize("content", [b"", b"MZ", b"\x7fELF" + bytes(100), b"MZ" + bytes(100)])
def test_what_is_no_pe_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="not a PE file"):
        append_sections(content, SECTIONS)
