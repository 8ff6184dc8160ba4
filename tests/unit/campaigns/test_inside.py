"""What is read from a package is what it holds, and what is broken is said to be."""

from pathlib import Path

import pytest
from insides import FOLDER, Packages, real_library

from herdbook.campaigns.inside import control_fields
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
