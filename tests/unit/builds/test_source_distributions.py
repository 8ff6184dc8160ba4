"""Source distributions are read and never run; what they make is held to the lock."""

import io
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from locked import digest

from herdbook.builds.lock import LockedPython, LockedSource, LockedWheel
from herdbook.builds.source_distributions import read_metadata, stand_in
from herdbook.builds.wheel_building import require_all_locked
from herdbook.core.errors import ConflictError, InvalidInputError, VerificationError

PKG_INFO = "Metadata-Version: 2.1\nName: Tiny.Tool\nVersion: 1.0\n"


def source(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "tiny_tool-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"tiny_tool-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def wheel(folder: Path, *needs: str) -> Path:
    path = folder / "tiny_tool-1.0-py3-none-any.whl"
    lines = "".join(f"Requires-Dist: {each}\n" for each in needs)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_tool-1.0.dist-info/METADATA", PKG_INFO + lines)
    return path


LOCKED = LockedPython(
    version="3.11",
    glibc="2.36",
    wheels=(LockedWheel(name="six", version="1.16", file="s-1-x-x.whl", sha256=digest("six")),),
    sources=(LockedSource(name="a.b", version="2.0", file="a-2.tar.gz", sha256=digest("a")),),
)


def test_it_says_what_it_needs_to_run_and_to_be_built(tmp_path: Path) -> None:
    more = "Provides-Extra: fast\nRequires-Dist: six>=1\nRequires-Dist: x; extra == 'fast'\n"
    project = '[build-system]\nrequires = ["flit_core>=3"]\n'
    files = {"PKG-INFO": PKG_INFO + more, "pyproject.toml": project}
    found = read_metadata(source(tmp_path, files))
    assert (found.name, found.version, found.extras) == ("Tiny.Tool", "1.0", ("fast",))
    assert found.requires == ("six>=1", 'x; extra == "fast"')
    assert found.build_requires == ("flit_core>=3",)


def test_one_that_names_no_builder_is_built_by_setuptools(tmp_path: Path) -> None:
    found = read_metadata(source(tmp_path, {"PKG-INFO": PKG_INFO, "sub/pyproject.toml": "!"}))
    assert found.build_requires == ("setuptools>=40.8.0", "wheel")


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": "1/0"},
        {"PKG-INFO": PKG_INFO, "pyproject.toml": "not toml"},
        {"PKG-INFO": PKG_INFO + "Requires-Dist: ???\n"},
        {"PKG-INFO": PKG_INFO + "Requires-Dist: x @ file:///etc/x\n"},
        {
            "PKG-INFO": PKG_INFO,
            "pyproject.toml": '[build-system]\nrequires = ["x @ git+ssh://y"]\n',
        },
        {"PKG-INFO": PKG_INFO, "pyproject.toml": "[build-system]\nrequires = 7\n"},
        {"PKG-INFO": PKG_INFO, "pyproject.toml": "build-system = 3\n"},
        {"PKG-INFO": "Metadata-Version: 2.1\nName: tiny\n"},
        {"PKG-INFO": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n --index-url http:x\n"},
        {"PKG-INFO": "Metadata-Version: 2.1\nName: /tmp/tiny\nVersion: 1\n"},
        {"PKG-INFO": PKG_INFO + "x" * (1 << 20)},
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match=r"tiny_tool-1\.0\.tar\.gz cannot be read"):
        read_metadata(source(tmp_path, files))


@pytest.mark.parametrize("left", [0, 40, 150])
def test_a_source_that_is_cut_off_is_told(tmp_path: Path, left: int) -> None:
    path = source(tmp_path, {"other": "x" * 9000, "PKG-INFO": PKG_INFO})
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(InvalidInputError):
        read_metadata(path)


def test_a_stand_in_says_the_same_and_holds_nothing(tmp_path: Path) -> None:
    more = "Provides-Extra: fast\nRequires-Dist: six>=1\n"
    name, content = stand_in(read_metadata(source(tmp_path, {"PKG-INFO": PKG_INFO + more})))
    assert name == "tiny_tool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert all(".dist-info/" in member for member in archive.namelist())
        said = HeaderParser().parsestr(archive.read("tiny_tool-1.0.dist-info/METADATA").decode())
    assert said.get_all("Requires-Dist") == ["six>=1"]
    assert said.get_all("Provides-Extra") == ["fast"]


def test_a_built_wheel_may_need_what_is_locked(tmp_path: Path) -> None:
    needs = ("six<2", "A_B==2.0", "nose; extra == 'test'", "tomli; python_version < '3.11'")
    require_all_locked(wheel(tmp_path, *needs), LOCKED)


@pytest.mark.parametrize("need", ["requests", "six>=2", "old; python_version < '3.12'"])
def test_a_built_wheel_that_needs_more_is_refused(tmp_path: Path, need: str) -> None:
    with pytest.raises(ConflictError, match="did not say") as caught:
        require_all_locked(wheel(tmp_path, "six", need), LOCKED)
    assert need.partition(";")[0] in caught.value.message


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    with zipfile.ZipFile(path, "w"):
        pass
    with pytest.raises(VerificationError):
        require_all_locked(path, LOCKED)
