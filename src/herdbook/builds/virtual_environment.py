"""Installs locked wheels into a virtual environment that belongs to the image's interpreter."""

import re
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from herdbook.core.errors import InvalidInputError

PREFIX = "opt/venv"
"""Where the environment lies in every image: a place no package and no file step owns."""

MAKES_BYTECODE = re.compile(r"python3\.\d+-minimal|libpython3\.\d+-(minimal|stdlib)")
"""The packages of Debian that decide what the environment's modules are compiled to."""

BIN = f"/{PREFIX}/bin"
_INTERPRETER = f"{BIN}/python"


def install_wheels(wheels: Sequence[Path], root: Path, python: str) -> None:
    """Lay out a virtual environment (PEP 405) below `root` and install wheels (PEP 427) there.

    `python` is the interpreter's version, such as `3.11`. Nothing is executed: no set-up script,
    no interpreter. Raises InvalidInputError for a wheel that cannot be installed.
    """
    prefix = root / PREFIX
    packages = prefix / "lib" / f"python{python}" / "site-packages"
    for folder in (prefix / "bin", packages):
        folder.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n"
    )
    for name, target in (("python3", "/usr/bin/python3"), ("python", "python3")):
        (prefix / "bin" / name).symlink_to(target)
    inside = f"/{packages.relative_to(root)}"
    scheme = {
        "purelib": inside,
        "platlib": inside,
        "scripts": BIN,
        "data": f"/{PREFIX}",
        "headers": f"/{PREFIX}/include",
    }
    for wheel in wheels:
        _install(wheel, scheme, root)


def _install(wheel: Path, scheme: dict[str, str], root: Path) -> None:
    destination = SchemeDictionaryDestination(
        scheme, interpreter=_INTERPRETER, script_kind="posix", destdir=str(root)
    )
    try:
        with WheelFile.open(wheel) as source:
            install(source, destination, additional_metadata={"INSTALLER": b"herdbook\n"})
    except (BadZipFile, ValueError, KeyError, FileExistsError) as error:
        raise InvalidInputError(f"The wheel {wheel.name} cannot be installed: {error}") from error


def compile_command() -> list[str]:
    """Return what compiles the environment with the image's own interpreter.

    The bytecode is never checked against its source again (PEP 552): both are in one immutable
    layer, and a VM without a fast processor starts seconds sooner.
    """
    return [
        *("python3", "-m", "compileall", "-q"),
        *("--invalidation-mode", "unchecked-hash", f"/{PREFIX}/lib"),
    ]
