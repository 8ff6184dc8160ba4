"""Appends sections to systemd's EFI stub: the result is one bootable file (a UKI)."""

import struct
from collections.abc import Mapping

from herdbook.core.errors import InvalidInputError

_SECTION_HEADER = struct.Struct("<8sIIIIIIHHI")
_INITIALISED_DATA_READ_ONLY = 0x40000040
_NAME_BYTES = 8


def append_sections(stub: bytes, sections: Mapping[str, bytes]) -> bytes:
    """Return the EFI stub with these sections behind its own, in the order given.

    For `systemd-stub` the names are `.osrel`, `.cmdline`, `.linux` and `.initrd` (systemd-stub(7)).
    Offsets are those of the Microsoft PE/COFF specification. Addresses go on after the last
    section of the stub, at its own alignment. Raises InvalidInputError where the stub is no PE
    file or its header has no room left.
    """
    image = bytearray(stub)
    pe_offset = _pe_offset(stub)
    coff = pe_offset + 4
    optional = coff + 20
    (count,) = struct.unpack_from("<H", stub, coff + 2)
    (optional_bytes,) = struct.unpack_from("<H", stub, coff + 16)
    section_alignment, file_alignment = struct.unpack_from("<II", stub, optional + 32)
    (headers_bytes,) = struct.unpack_from("<I", stub, optional + 60)
    table = optional + optional_bytes
    free = table + count * _SECTION_HEADER.size
    if free + len(sections) * _SECTION_HEADER.size > min(headers_bytes, _first_data(stub, table)):
        raise InvalidInputError(
            "The EFI stub's header has no room for more sections",
            hint="Use the stub of the package systemd-boot-efi.",
        )
    address = _end_address(stub, table, count)
    for name, content in sections.items():
        address = _round_up(address, section_alignment)
        image += bytes(-len(image) % file_alignment)
        header = _section_header(name, content, address, len(image), file_alignment)
        image[free : free + _SECTION_HEADER.size] = header
        free += _SECTION_HEADER.size
        image += content
        address += len(content)
    image += bytes(-len(image) % file_alignment)
    struct.pack_into("<H", image, coff + 2, count + len(sections))
    struct.pack_into("<I", image, optional + 56, _round_up(address, section_alignment))
    return bytes(image)


def _pe_offset(stub: bytes) -> int:
    """Return where the PE signature is; the DOS header says so at 0x3c."""
    if stub[:2] == b"MZ" and len(stub) > 0x40:  # noqa: PLR2004 - the length of a DOS header
        offset: int = struct.unpack_from("<I", stub, 0x3C)[0]
        if stub[offset : offset + 4] == b"PE\0\0":
            return offset
    raise InvalidInputError(
        "The EFI stub is not a PE file",
        hint="Use linuxx64.efi.stub of the package systemd-boot-efi.",
    )


def _section_header(
    name: str, content: bytes, address: int, offset: int, file_alignment: int
) -> bytes:
    return _SECTION_HEADER.pack(
        name.encode("ascii").ljust(_NAME_BYTES, b"\0"),
        len(content),
        address,
        _round_up(len(content), file_alignment),
        offset,
        0,
        0,
        0,
        0,
        _INITIALISED_DATA_READ_ONLY,
    )


def _first_data(stub: bytes, table: int) -> int:
    """Return the file offset of the first section's content: header space ends there."""
    offset: int = struct.unpack_from("<I", stub, table + 20)[0]
    return offset


def _end_address(stub: bytes, table: int, count: int) -> int:
    """Return the address after the stub's highest section."""
    ends = [0]
    for number in range(count):
        size, address = struct.unpack_from("<II", stub, table + number * _SECTION_HEADER.size + 8)
        ends.append(address + size)
    return max(ends)


def _round_up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
