"""Reads what Python source distributions say of themselves, without running anything of theirs."""

import gzip
import io
import re
import tarfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from herdbook.builds.lock import PYTHON_NAME, PYTHON_VERSION
from herdbook.core.errors import InvalidInputError

_LARGEST_FILE_BYTES = 1 << 20
_LARGEST_ARCHIVE_BYTES = 1 << 30
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
    """Read PKG-INFO and pyproject.toml; raises InvalidInputError where that cannot be done.

    The file is somebody else's: nothing in it is believed before it has the form it should have.
    """
    try:
        files = _files(path)
        said = HeaderParser().parsestr(files["PKG-INFO"].decode())
        project = tomllib.loads(files.get("pyproject.toml", b"").decode())
        building = project.get("build-system", {}).get("requires", _ASSUMED)
        return SourceMetadata(
            name=_formed(PYTHON_NAME, said["Name"]),
            version=_formed(PYTHON_VERSION, said["Version"]),
            requires=tuple(_requirements(said.get_all("Requires-Dist", []))),
            extras=tuple(_formed(PYTHON_NAME, each) for each in said.get_all("Provides-Extra", [])),
            build_requires=tuple(_requirements(building)),
        )
    except (
        *(OSError, EOFError, tarfile.TarError, zlib.error),
        *(AttributeError, KeyError, RecursionError, TypeError, ValueError),
    ) as error:
        raise InvalidInputError(
            f"The source distribution {path.name} cannot be read: {error}",
            hint="Take it as a wheel: leave it out of `python.from_source`.",
        ) from error


def _formed(pattern: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"{value!r} is no name or version")
    return value


def _files(path: Path) -> dict[str, bytes]:
    """Return the files at the top of the archive that say something of it."""
    with (
        gzip.open(path) as unpacked,
        _Bounded(unpacked) as bounded,
        tarfile.open(fileobj=bounded, mode="r|") as archive,
    ):
        return {
            name: content.read()
            for member in archive
            if (name := member.name.partition("/")[2]) in ("PKG-INFO", "pyproject.toml")
            if member.size <= _LARGEST_FILE_BYTES and (content := archive.extractfile(member))
        }


class _Bounded(io.RawIOBase):
    """A stream that ends in an error where it has given more than any honest archive holds."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = _LARGEST_ARCHIVE_BYTES

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"it holds more than {_LARGEST_ARCHIVE_BYTES >> 20} MiB")
        return content


def _requirements(lines: Iterable[str]) -> Iterator[str]:
    """Yield requirements in the form that PEP 508 gives them; addresses are never followed."""
    for line in lines:
        requirement = Requirement(line)
        if requirement.url:
            raise InvalidRequirement(f"{line} is wanted from an address of its own")
        yield str(requirement)  # in one line, whatever was written


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
