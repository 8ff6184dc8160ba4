"""What is read from a package is what it holds, and what is broken is said to be."""

import struct
from pathlib import Path

import pytest
from insides import FOLDER, Packages, real_library

from herdbook.campaigns import inside as reading
from herdbook.campaigns.inside import control_fields
from herdbook.campaigns.libraries import UnreadableError, read_library
from herdbook.core.errors import VerificationError
from herdbook.layers.tree import Kind


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def test_all_facts_are_read(packages: Packages) -> None:
    inside = packages.inside(
        {
            "etc/thing.conf": b"1\n",
            "lib/udev/rules": b"2\n",
            "usr/bin/thing": "../lib/thing",
            "DEBIAN/conffiles": b"/etc/thing.conf\n",
            "DEBIAN/triggers": b"activate-noawait ldconfig\n",
            "DEBIAN/postinst": b"#!/bin/sh\nset -e\n",
            "DEBIAN/symbols": b"libthing.so.1 thing #MINVER#\n a@Base 1.0\n",
            "DEBIAN/shlibs": b"libthing 1 thing\n",
        },
        more="Source: things (0.9-1)\nDepends: other\n",
    )
    assert [*inside.fields][:3] == ["Package", "Version", "Architecture"]
    assert inside.source == ("things", "0.9-1")
    assert inside.scripts == {"postinst": "#!/bin/sh\nset -e\n"}
    assert inside.conffiles == "/etc/thing.conf\n"
    assert inside.triggers == "activate-noawait ldconfig\n"
    assert inside.symbols.startswith("libthing.so.1 ")
    assert inside.shlibs == "libthing 1 thing\n"
    assert inside.tree["usr/lib/udev/rules"].kind is Kind.FILE
    assert inside.tree["usr/bin/thing"].target == "../lib/thing"
    assert not [path for path in inside.tree if path.startswith("var")]


def test_library_is_read_with_its_name_and_symbols(packages: Packages) -> None:
    inside = packages.inside({f"{FOLDER}/libz.so.1.2.3": real_library()})
    library = inside.libraries[f"{FOLDER}/libz.so.1.2.3"]
    assert library.soname == "libz.so.1"
    assert library.machine.split()[2].startswith("EM_")
    assert library.symbols["zlibVersion@"] == "global"
    assert library.symbols["deflateTune@ZLIB_1.2.2.3"] == "global"
    assert "malloc@GLIBC_2.2.5" not in library.symbols


@pytest.mark.parametrize("kept", [20, 64, 600, 5000, -200])
def test_broken_library_is_unreadable_and_nothing_worse(packages: Packages, kept: int) -> None:
    inside = packages.inside({f"{FOLDER}/libz.so.1": real_library()[:kept]})
    assert f"{FOLDER}/libz.so.1" in inside.unreadable
    assert inside.libraries == {}


def test_random_damage_to_a_library_never_crashes(packages: Packages) -> None:
    library = real_library()
    files: dict[str, bytes | str] = {}
    for place in range(64):
        damaged = bytearray(library)
        damaged[place] ^= 0xFF
        files[f"{FOLDER}/lib{place}.so"] = bytes(damaged)
    inside = packages.inside(files)
    assert len(inside.unreadable) + len(inside.libraries) >= 50


def test_values_keep_their_continuation_lines() -> None:
    fields = control_fields(
        "Package: a\nVersion:  1 \nArchitecture: all\nDescription: x\n y\n .\n z\n"
    )
    assert fields["Description"] == "x\n y\n .\n z"
    assert fields["Version"] == "1"


@pytest.mark.parametrize("text", ["", "Package: a\n", "no field\n", " begins with a blank\n"])
def test_what_is_no_control_file_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        control_fields(text)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        (".gnu.version_d", "sh_info", 0xFFFFFFFF),
        (".gnu.version_r", "sh_info", 0xFFFFFFFF),
        (".dynsym", "sh_size", 1 << 40),
        (".dynstr", "sh_size", 1 << 40),
        (".dynstr", "sh_type", 8),  # SHT_NOBITS: no bytes in the file, and any number of noughts
        (".gnu.version", "sh_flags", 0x802),  # SHF_COMPRESSED
    ],
)
def test_section_that_claims_too_much_is_unreadable(section: str, field: str, value: int) -> None:
    with pytest.raises(UnreadableError):
        read_library(with_header(real_library(), section, field, value))


@pytest.mark.timeout(20)
def test_versions_that_never_end_are_unreadable() -> None:
    library = with_header(real_library(), ".gnu.version_r", "sh_info", 0x7FFF)
    (start,) = header(library, ".gnu.version_r", "sh_offset")
    endless = bytearray(library)
    struct.pack_into("<HHIII", endless, start, 1, 0xFFFF, 0, 16, 0)
    with pytest.raises(UnreadableError):
        read_library(bytes(endless))


def test_header_is_written_where_it_is_read() -> None:
    library = real_library()
    (size,) = header(library, ".dynsym", "sh_size")
    assert with_header(library, ".dynsym", "sh_size", size) == library
    assert read_library(library) is not None


FIELDS = {"sh_type": (4, "<I"), "sh_flags": (8, "<Q"), "sh_offset": (24, "<Q")}
FIELDS |= {"sh_size": (32, "<Q"), "sh_info": (44, "<I")}


def place(library: bytes, section: str) -> int:
    """Where the header of a section of an ELF file with 64 bits is."""
    (headers,) = struct.unpack_from("<Q", library, 40)
    size, count, of_names = struct.unpack_from("<HHH", library, 58)
    (names,) = struct.unpack_from("<Q", library, headers + of_names * size + 24)
    for start in range(headers, headers + count * size, size):
        (name,) = struct.unpack_from("<I", library, start)
        if library.startswith(section.encode() + b"\0", names + name):
            return start
    raise AssertionError(section)


def header(library: bytes, section: str, field: str) -> tuple[int]:
    at, shape = FIELDS[field]
    return struct.unpack_from(shape, library, place(library, section) + at)[:1]


def with_header(library: bytes, section: str, field: str, value: int) -> bytes:
    at, shape = FIELDS[field]
    changed = bytearray(library)
    struct.pack_into(shape, changed, place(library, section) + at, value)
    return bytes(changed)


def test_huge_library_is_unreadable(packages: Packages, monkeypatch: pytest.MonkeyPatch) -> None:
    library = real_library()
    monkeypatch.setattr(reading, "_LARGEST_ELF", len(library))
    path = f"{FOLDER}/libz.so.1"
    assert path in packages.inside({path: library}).libraries
    found = packages.inside({path: library + b"\0", "usr/share/data": bytes(len(library) + 1)})
    assert [*found.unreadable] == [path]
    assert found.libraries == {}


def test_too_many_libraries_are_unreadable(
    packages: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = real_library()
    monkeypatch.setattr(reading, "_ALL_ELF", 2 * len(library))
    found = packages.inside({f"{FOLDER}/lib{each}.so": library for each in "abc"})
    assert [*found.libraries] == [f"{FOLDER}/lib{each}.so" for each in "ab"]
    assert [*found.unreadable] == [f"{FOLDER}/libc.so"]


def test_huge_tmpfile_is_unreadable(packages: Packages) -> None:
    path = "usr/lib/tmpfiles.d/a.conf"
    found = packages.inside({path: bytes((1 << 20) + 1)})
    assert [*found.unreadable] == [path]
    assert found.tmpfiles == {}
