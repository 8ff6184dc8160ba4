"""Reads what Python source distributions say of themselves, without running anything of theirs."""

import io
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from herdbook.core.errors import InvalidInputError

_ASSUMED = ("setuptools>=40.8.0", "wheel")
"""What builds a source distribution that does not say it (PEP 517, PEP 518)."""


@dataclass(frozen=True)
class SourceMetadata:
    """What a source distribution says: who it is, what it needs to run, what to be built.

    Some find out what they need to run only while they are built; `requires` is then too short.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    extras: tuple[str, ...]
    build_requires: tuple[str, ...]


def read_metadata(path: Path) -> SourceMetadata:
    """Read PKG-INFO and pyproject.toml; raises InvalidInputError where that cannot be done."""
    try:
        files = _files(path)
        said = HeaderParser().parsestr(files["PKG-INFO"].decode())
        project = tomllib.loads(files.get("pyproject.toml", b"").decode())
        building = project.get("build-system", {}).get("requires", _ASSUMED)
        return SourceMetadata(
            name=said["Name"],
            version=said["Version"],
            requires=tuple(_requirements(said.get_all("Requires-Dist", []))),
            extras=tuple(said.get_all("Provides-Extra", [])),
            build_requires=tuple(_requirements(building)),
        )
    except (OSError, tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(
            f"The source distribution {path.name} cannot be read: {error}",
            hint="Take it as a wheel: leave it out of `python.from_source`.",
        ) from error


def _files(path: Path) -> dict[str, bytes]:
    """Return the files at the top of the archive that say something of it."""
    with tarfile.open(path) as archive:
        return {
            name: content.read()
            for member in archive
            if (name := member.name.partition("/")[2]) in ("PKG-INFO", "pyproject.toml")
            if (content := archive.extractfile(member))
        }


def _requirements(lines: Iterable[str]) -> Iterator[str]:
    """Yield requirements as they were written; addresses are never followed."""
    for line in lines:
        if Requirement(line).url:
            raise InvalidRequirement(f"{line} is wanted from an address of its own")
        yield line


def stand_in(metadata: SourceMetadata) -> tuple[str, bytes]:
    """Return an empty wheel that says what a source distribution says: its name and its bytes.

    A resolver that takes wheels only can then decide on all the others, and runs no build.
    """
    stem = f"{canonicalize_name(metadata.name).replace('-', '_')}-{metadata.version}"
    lines = ["Metadata-Version: 2.1", f"Name: {metadata.name}", f"Version: {metadata.version}"]
    lines += [f"Provides-Extra: {each}" for each in metadata.extras]
    lines += [f"Requires-Dist: {each}" for each in metadata.requires]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = f"{stem}.dist-info"
        archive.writestr(f"{info}/METADATA", "\n".join([*lines, "", ""]))
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"{stem}-py3-none-any.whl", made.getvalue()
