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
    machine = " ".join([*map(str, kinds), note.data().hex() if note is not None else ""]).rstrip()
    return Library(next((tag.soname for tag in tags), ""), machine, symbols, data)


def _defined(elf: Any, table: Any) -> Iterator[tuple[str, str, int | None]]:  # noqa: ANN401
    # The records are unpacked here: pyelftools takes a minute for the largest libraries.
    order = "<" if elf.little_endian else ">"
    wide = elf.elfclass == 64  # noqa: PLR2004 - bits
    shape = struct.Struct(order + ("IBBHQQ" if wide else "IIIBBH"))
    names = elf.get_section(table["sh_link"]).data()
    records = list(shape.iter_unpack(table.data()))
    versions = _versions(elf, order, len(records))
    for record, version in zip(records, versions, strict=True):
        if wide:
            start, info, other, section, _, size = record
        else:
            start, _, size, info, other, section = record
        binding = _BINDINGS.get(info >> 4)
        if binding is None or section == _UNDEFINED or other & 3 not in _VISIBLE:
            continue
        name = names[start : names.index(b"\0", start)].decode(errors="surrogateescape")
        yield f"{name}@{version}", binding, size if info & 15 == _DATA else None


def _versions(elf: Any, order: str, count: int) -> list[str]:  # noqa: ANN401
    """Return the name of each symbol's version; it is empty where it has none."""
    numbers = elf.get_section_by_name(".gnu.version")
    if numbers is None:
        return [""] * count
    names = {0: "", 1: ""}
    for section in (".gnu.version_d", ".gnu.version_r"):
        names |= _version_names(elf.get_section_by_name(section), defining=section[-1] == "d")
    found = struct.unpack(f"{order}{count}H", numbers.data())
    return [names[number & _VERSION_MASK] for number in found]


def _version_names(section: Any, *, defining: bool) -> dict[int, str]:  # noqa: ANN401
    found: dict[int, str] = {}
    for version, parts in section.iter_versions() if section is not None else ():
        if defining:
            number, name = version["vd_ndx"], next(parts).name
            if number >= _FIRST_NAMED_VERSION:
                found[number] = name
        else:
            found |= {part["vna_other"]: part.name for part in parts}
    return found
