"""Reads from an ELF file what other programs bind to when they are started: names and symbols."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

_MAGIC = b"\x7fELF"
_RELOCATABLE = "ET_REL"
_UNDEFINED = 0
_BINDINGS = {1: "global", 2: "weak", 10: "unique"}
_VISIBLE = frozenset({0, 3})  # STV_DEFAULT, STV_PROTECTED
_DATA = 1
_VERSION_MASK = 0x7FFF
_FIRST_NAMED_VERSION = 2
_LONGEST_NAME = 1 << 16
_ALL_NAMES = 1 << 28
"""Characters of all names of symbols together; many may share the same bytes."""
_SMALLEST_HEADER = 32
"""Bytes of the header of a segment with 32 bits; those of sections are larger."""
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ConstructError,
    ELFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What pyelftools raises depends on where it gives up."""


class UnreadableError(Exception):
    """What begins as an ELF file and cannot be read as one, in words."""


@dataclass(frozen=True)
class Library:
    """What others can bind to in an ELF file that is linked dynamically.

    `machine` is its class, byte order, architecture, type and ABI tag. `symbols` are those it
    defines and shows, as `name@version`, with how they are bound; `data` are the sizes in bytes of
    those that are data, for which a program may have room of its own since it was linked.
    """

    soname: str
    machine: str
    symbols: Mapping[str, str]
    data: Mapping[str, int]


def is_elf(start: bytes) -> bool:
    """Whether a file that begins so is meant as an ELF file."""
    return start.startswith(_MAGIC)


def read_library(content: bytes) -> Library | None:
    """Return what can be bound to in an ELF file; None where nothing can be linked dynamically.

    Raises UnreadableError for what is broken, or has lost the tables that say so.
    """
    try:
        elf = ELFFile(BytesIO(content))
        entries = elf.num_sections() + elf.num_segments()
        if entries * _SMALLEST_HEADER > len(content):
            raise UnreadableError(f"it has no room for {entries:,} headers")
        if elf["e_type"] == _RELOCATABLE or not _is_dynamic(elf):
            return None
        return _read(elf)
    except _BROKEN as error:
        raise UnreadableError(f"it is no whole ELF file ({error})") from error


def _is_dynamic(elf: Any) -> bool:  # noqa: ANN401 - pyelftools has no types
    return any(segment["p_type"] == "PT_DYNAMIC" for segment in elf.iter_segments())


def _read(elf: Any) -> Library:  # noqa: ANN401 - pyelftools has no types
    dynamic = next((each for each in elf.iter_sections() if isinstance(each, DynamicSection)), None)
    table = elf.get_section_by_name(".dynsym")
    if dynamic is None or table is None:
        raise UnreadableError("its section headers do not say where its symbols are")
    tags: Iterable[Any] = dynamic.iter_tags("DT_SONAME")
    kinds = (elf.elfclass, "LSB" if elf.little_endian else "MSB", elf["e_machine"], elf["e_type"])
    symbols: dict[str, str] = {}
    data: dict[str, int] = {}
    for name, binding, size in _defined(elf, table):
        symbols[name] = binding
        if size is not None:
            data[name] = size
    note = elf.get_section_by_name(".note.ABI-tag")  # ldconfig's cache repeats what it says
    machine = " ".join(
        [*map(str, kinds), _content(note).hex() if note is not None else ""]
    ).rstrip()
    return Library(next((tag.soname for tag in tags), ""), machine, symbols, data)


def _defined(elf: Any, table: Any) -> Iterator[tuple[str, str, int | None]]:  # noqa: ANN401
    # The records are unpacked here: pyelftools takes a minute for the largest libraries.
    order = "<" if elf.little_endian else ">"
    wide = elf.elfclass == 64  # noqa: PLR2004 - bits
    shape = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    names = _content(elf.get_section(table["sh_link"]))
    records = list(shape.iter_unpack(_content(table)))
    left = _ALL_NAMES
    versions = _versions(elf, order, len(records))
    for record, version in zip(records, versions, strict=True):
        if wide:
            start, info, other, section, _, size = record
        else:
            start, _, size, info, other, section = record
        binding = _BINDINGS.get(info >> 4)
        if binding is None or section == _UNDEFINED or other & 3 not in _VISIBLE:
            continue
        name = _name(names, start)
        left -= len(name)
        if left < 0:
            raise UnreadableError("the names of its symbols are too long")
        yield f"{name}@{version}", binding, size if info & 15 == _DATA else None


def _versions(elf: Any, order: str, count: int) -> list[str]:  # noqa: ANN401
    """Return the name of each symbol's version; it is empty where it has none."""
    numbers = elf.get_section_by_name(".gnu.version")
    if numbers is None:
        return [""] * count
    names = {0: "", 1: ""}
    for name in (".gnu.version_d", ".gnu.version_r"):
        section = elf.get_section_by_name(name)
        names |= _version_names(elf, order, section, defining=name[-1] == "d")
    found = struct.unpack(f"{order}{count}H", _content(numbers))
    return [names[number & _VERSION_MASK] for number in found]


def _version_names(elf: Any, order: str, section: Any, *, defining: bool) -> dict[int, str]:  # noqa: ANN401
    """Return the names of the versions that a section tells of, by number.

    The numbers have 15 bits: what says that there are more of them is not believed.
    """
    if section is None:
        return {}
    found: dict[int, str] = {}
    content, names = _content(section), _content(elf.get_section(section["sh_link"]))
    place = parts = 0
    for _ in range(_bounded(section["sh_info"])):
        if defining:
            number, _count, below, beyond = struct.unpack_from(f"{order}4xHH4xII", content, place)
            (name,) = struct.unpack_from(f"{order}I", content, place + below)
            if number >= _FIRST_NAMED_VERSION:
                found[number] = _name(names, name)
        else:
            count, below, beyond = struct.unpack_from(f"{order}2xH4xII", content, place)
            parts = _bounded(parts + count)
            part = place + below
            for _ in range(count):
                number, name, further = struct.unpack_from(f"{order}6xHII", content, part)
                found[number] = _name(names, name)
                part += further
        place += beyond
    return found


def _bounded(count: int) -> int:
    if count > _VERSION_MASK:
        raise UnreadableError(f"it speaks of {count:,} versions")
    return count


def _name(names: bytes, start: int) -> str:
    end = names.index(b"\0", start, start + _LONGEST_NAME)
    return names[start:end].decode(errors="surrogateescape")


def _content(section: Any) -> bytes:  # noqa: ANN401
    """Return a section's bytes, which must lie in the file as they are."""
    end = section["sh_offset"] + section["sh_size"]
    if section["sh_type"] == "SHT_NOBITS" or section.compressed or end > _size(section.stream):
        raise UnreadableError(f"its section {section.name} is not wholly in the file")
    content: bytes = section.data()
    return content


def _size(stream: BytesIO) -> int:
    return stream.getbuffer().nbytes
