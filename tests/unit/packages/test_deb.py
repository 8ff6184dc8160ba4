"""Packages made by the real dpkg-deb are read as dpkg-deb itself reads them."""

import gzip
import hashlib
import lzma
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from debs import ar_archive, build_deb

from herdbook.core.errors import VerificationError
from herdbook.packages.control import parse_control
from herdbook.packages.deb import control_files, data_tar

FILES: dict[str, bytes | str] = {
    "usr/bin/hello": b"#!/bin/sh\necho hello\n",
    "usr/bin/hi": "hello",
    "usr/share/doc/hello/changelog": b"news\n" * 100_000,
    "usr/share/empty/": b"",
    "etc/hello.conf": b"greeting=hello\n",
    "DEBIAN/conffiles": b"/etc/hello.conf\n",
    "DEBIAN/postinst": b"#!/bin/sh\nset -e\n",
    "DEBIAN/triggers": b"activate-noawait ldconfig\n",
}


@pytest.fixture(params=["xz", "zstd", "gzip", "none"])
def deb(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return build_deb(tmp_path, "hello", FILES, compression=request.param)


def said(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def test_data_tar_is_what_dpkg_deb_unpacks(deb: Path) -> None:
    with data_tar(deb) as stream:
        found = stream.read()
    assert found == said("dpkg-deb", "--fsys-tarfile", deb)


def test_control_files_are_what_dpkg_deb_extracts(deb: Path, tmp_path: Path) -> None:
    said("dpkg-deb", "--control", deb, tmp_path / "control")
    expected = {
        path.name: (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in (tmp_path / "control").iterdir()
    }
    found = {name: (file.content, file.mode) for name, file in control_files(deb).items()}
    assert found == expected
    assert set(found) == {"control", "conffiles", "postinst", "triggers"}


def test_control_fields_are_what_dpkg_deb_says(deb: Path) -> None:
    control = parse_control(control_files(deb)["control"].content.decode())
    fields = ("Package", "Version", "Architecture")
    printed = [said("dpkg-deb", "--field", deb, field).decode().strip() for field in fields]
    assert [control.name, control.version, control.architecture] == printed


def test_data_tar_holds_every_path_that_dpkg_deb_lists(deb: Path) -> None:
    listed = said("dpkg-deb", "--contents", deb).decode().splitlines()
    expected = {line.split(maxsplit=5)[5].partition(" -> ")[0].rstrip("/") for line in listed}
    with data_tar(deb) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        assert {member.name for member in archive} == expected


def test_data_tar_may_be_read_in_pieces_of_any_size(deb: Path) -> None:
    state = hashlib.sha256()
    with data_tar(deb) as stream:
        while piece := stream.read(1013):
            state.update(piece)
    assert state.digest() == hashlib.sha256(said("dpkg-deb", "--fsys-tarfile", deb)).digest()


def control_tar() -> bytes:
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("./control")
        member.size = 4
        archive.addfile(member, BytesIO(b"x: y"))
    return buffer.getvalue()


def test_members_of_odd_length_and_unknown_names_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "odd.deb"
    members = {"debian-binary": b"2.0\n", "_odd": b"xyz", "control.tar": control_tar()}
    path.write_bytes(ar_archive({**members, "_more": b"x", "data.tar": b"the data"}))
    assert control_files(path)["control"].content == b"x: y"
    with data_tar(path) as stream:
        assert stream.read() == b"the data"


def test_data_tar_ends_where_its_member_ends(tmp_path: Path) -> None:
    path = tmp_path / "more.deb"
    path.write_bytes(ar_archive({"data.tar": b"odd", "_signature": b"secret"}))
    with data_tar(path) as stream:
        assert stream.read() == b"odd"


def read_all(path: Path) -> None:
    control_files(path)
    with data_tar(path) as stream:
        stream.read()


WHOLE = {"debian-binary": b"2.0\n", "control.tar": control_tar(), "data.tar": b"x" * 9}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive at all",
        b"!<arch>\n",
        ar_archive({"debian-binary": b"2.0\n"}),
        ar_archive({"debian-binary": b"2.0\n", "control.tar": control_tar()}),
        ar_archive({**WHOLE, "control.tar": b"no tar" * 200}),
        ar_archive({"control.tar": control_tar(), "data.tar.bz2": b"x"}),
        ar_archive({"control.tar": control_tar(), "data.tar.gz": b"x" * 9}),
        ar_archive({"control.tar": control_tar(), "data.tar.xz": b"x" * 9}),
        ar_archive({"control.tar": control_tar(), "data.tar.zst": b"x" * 9}),
        ar_archive({"control.tar": control_tar(), "data.tar.gz": gzip.compress(b"x" * 99)[:-9]}),
        ar_archive({"control.tar": control_tar(), "data.tar.xz": lzma.compress(b"x" * 99)[:-9]}),
        ar_archive(WHOLE).replace(b"9         `", b"nine      `"),
        ar_archive(WHOLE)[:30],
        ar_archive(WHOLE)[:-5],
    ],
)
def test_what_is_no_whole_package_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.deb"
    path.write_bytes(content)
    with pytest.raises(VerificationError, match=r"broken\.deb"):
        read_all(path)
