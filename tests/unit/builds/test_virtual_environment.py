"""Wheels are laid out for the image's interpreter without anything being executed."""

import zipfile
from pathlib import Path

import pytest

from herdbook.builds.virtual_environment import compile_command, install_wheels
from herdbook.core.errors import InvalidInputError

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(folder: Path, name: str, files: dict[str, str]) -> Path:
    info = f"{name}-1.0.dist-info"
    members = {
        f"{name}/__init__.py": "",
        f"{info}/METADATA": METADATA.format(name=name),
        f"{info}/WHEEL": WHEEL,
        **{path.replace("INFO", info): text for path, text in files.items()},
    }
    members[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


def test_wheels_lie_in_an_environment_of_the_images_interpreter(tmp_path: Path) -> None:
    points = "[console_scripts]\nserve = web:main\n"
    made = wheel(tmp_path, "web", {"web/data.txt": "x", "INFO/entry_points.txt": points})
    root = tmp_path / "root"
    install_wheels([made, wheel(tmp_path, "other", {})], root, "3.11")
    prefix = root / "opt/venv"
    packages = prefix / "lib/python3.11/site-packages"
    assert (packages / "web/data.txt").read_text() == "x"
    assert (packages / "other/__init__.py").exists()
    assert (packages / "web-1.0.dist-info/INSTALLER").read_text() == "herdbook\n"
    assert (prefix / "bin/python3").readlink() == Path("/usr/bin/python3")
    assert (prefix / "bin/python").readlink() == Path("python3")
    script = prefix / "bin/serve"
    assert script.read_text().startswith("#!/opt/venv/bin/python\n")
    assert script.stat().st_mode & 0o111
    assert "home = /usr/bin\n" in (prefix / "pyvenv.cfg").read_text()


def test_the_same_wheels_give_the_same_bytes(tmp_path: Path) -> None:
    made = wheel(tmp_path, "web", {"web/data.txt": "x"})
    contents = []
    for name in ("one", "other"):
        install_wheels([made], tmp_path / name, "3.11")
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert not any("direct_url" in str(path) for path in contents[0])


@pytest.mark.parametrize(
    "files", [{"../outside.txt": "x"}, {"web/../../../../../../../outside.txt": "x"}]
)
def test_a_wheel_cannot_write_outside_of_the_environment(
    tmp_path: Path, files: dict[str, str]
) -> None:
    root = tmp_path / "deep" / "er" / "root"
    root.mkdir(parents=True)
    with pytest.raises(InvalidInputError, match=r"web-1\.0"):
        install_wheels([wheel(tmp_path, "web", files)], root, "3.11")
    assert list(tmp_path.rglob("outside.txt")) == []


def test_two_wheels_cannot_own_one_file(tmp_path: Path) -> None:
    one = wheel(tmp_path, "one", {"shared.py": ""})
    two = wheel(tmp_path, "two", {"shared.py": ""})
    with pytest.raises(InvalidInputError, match=r"two-1\.0"):
        install_wheels([one, two], tmp_path / "root", "3.11")


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "web-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"web-1\.0"):
        install_wheels([path], tmp_path / "root", "3.11")


def test_bytecode_is_made_by_the_image_and_never_checked_again() -> None:
    command = compile_command()
    assert command[0] == "python3"
    assert "unchecked-hash" in command
    assert command[-1] == "/opt/venv/lib"
