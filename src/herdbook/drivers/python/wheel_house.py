"""Pins requirements with uv and keeps their wheels, from the index this machine's pip is set to."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from uv import find_uv_bin

from herdbook.builds.lock import LockedPython, LockedWheel
from herdbook.builds.requirements import checked_requirements
from herdbook.core import digests
from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.core.progress import Progress
from herdbook.drivers import process
from herdbook.drivers.incoming import incoming

_MACHINE = "x86_64"
_OLDEST_GLIBC_MINOR = 5  # manylinux1
_LEGACY_TAGS = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
_OFFLINE = re.compile(
    r"Could not connect|dns error|Connection|Network|timed out|Failed to fetch|Temporary failure",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"://[^/\s@]+@")
"""Who one is, in front of a server's name in an address."""

_UNKNOWN = re.compile(r"401 Unauthorized|403 Forbidden|HTTP error 40[13]|401 Error|403 Error")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class PypiWheelHouse:
    """Wheels under `directory`, each in a folder named by its digest, under its own name."""

    directory: Path

    def resolve(
        self, requirements: Path, python: str, glibc: str, *, credentials: Path | None = None
    ) -> LockedPython:
        """Pin every requirement as a wheel with its digest; see the port's promises.

        uv decides on versions; the wheel that fits the image is fetched at once, since only then
        is it known which of a version's wheels that is.
        """
        wanted = checked_requirements(requirements.read_text(encoding="utf-8"), str(requirements))
        result = process.run(
            [
                *(find_uv_bin(), "pip", "compile", "--quiet", "--generate-hashes", "--no-config"),
                *("--only-binary", ":all:", "--no-header", "--no-annotate"),
                *("--python-version", python),
                *("--python-platform", f"{_MACHINE}-manylinux_{glibc.replace('.', '_')}"),
                "-",
            ],
            environment=process.inherited(_indexes() | _identity(credentials)),
            given=wanted.encode(),
        )
        if not result.succeeded:
            raise _refusal(result.errors, requirements)
        with incoming(self.directory) as folder:
            self._download(result.output, python, glibc, folder, credentials)
            wheels = sorted((self._keep(path) for path in folder.iterdir()), key=_by_name)
        pinned = {canonicalize_name(match[1]) for match in _PINNED.finditer(result.output)}
        if missing := pinned - {canonicalize_name(wheel.name) for wheel in wheels}:
            raise NetworkError(f"No wheel was fetched for {', '.join(sorted(missing))}")
        return LockedPython(version=python, glibc=glibc, wheels=tuple(wheels))

    def fetch(
        self, locked: LockedPython, progress: Progress, *, credentials: Path | None = None
    ) -> list[Path]:
        """Return the kept wheels, fetching those not kept yet, or no longer with their bytes."""
        missing = [wheel for wheel in locked.wheels if not self._holds(wheel)]
        if missing:
            with progress.task(f"Fetching {len(missing)} wheels"):
                self._fetch(missing, locked, credentials)
        for wheel in missing:
            if not self._holds(wheel):
                raise VerificationError(
                    f"The index no longer gives the locked wheel {wheel.file}",
                    hint="Lock again: herdbook lock",
                )
        return [self._kept(wheel) for wheel in locked.wheels]

    def _fetch(
        self, missing: Sequence[LockedWheel], locked: LockedPython, credentials: Path | None
    ) -> None:
        lines = [f"{wheel.name}=={wheel.version} --hash={wheel.sha256}\n" for wheel in missing]
        with incoming(self.directory) as folder:
            try:
                self._download("".join(lines), locked.version, locked.glibc, folder, credentials)
            except UnsatisfiableError as error:
                raise NetworkError(
                    f"The index no longer has what was locked:\n{error.message}",
                    hint="Lock again to take what replaced it: herdbook lock. An index that asks "
                    "who one is also needs `python.credentials`.",
                ) from error
            for path in folder.iterdir():
                self._keep(path)

    def _holds(self, wheel: LockedWheel) -> bool:
        try:
            return digests.of_file(self._kept(wheel)) == wheel.sha256
        except FileNotFoundError:
            return False

    def _kept(self, wheel: LockedWheel) -> Path:
        return self.directory / digests.hexadecimal(wheel.sha256) / wheel.file

    def _keep(self, path: Path) -> LockedWheel:
        try:
            name, version, _, _ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise VerificationError(f"The index gave {path.name}, which is no wheel") from error
        wheel = LockedWheel(
            name=name, version=str(version), file=path.name, sha256=digests.of_file(path)
        )
        target = self._kept(wheel)
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
        return wheel

    def _download(
        self, pinned: str, python: str, glibc: str, folder: Path, credentials: Path | None
    ) -> None:
        requirements = folder / "requirements.txt"
        requirements.write_text(pinned)
        result = process.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
                *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "--implementation", "cp"),
                *("--python-version", python, "--dest", str(folder)),
                *_platform_arguments(glibc),
                *("--requirement", str(requirements)),
            ],
            environment=process.inherited(_identity(credentials)),
        )
        requirements.unlink()
        if not result.succeeded:
            raise _refusal(result.errors, requirements)


def _by_name(wheel: LockedWheel) -> str:
    return wheel.name


def _platform_arguments(glibc: str) -> Iterator[str]:
    """Yield the platforms a wheel may be made for (PEP 600), the newest first."""
    major, minor = glibc.split(".")
    tags = [f"manylinux_{major}_{n}" for n in range(int(minor), _OLDEST_GLIBC_MINOR - 1, -1)]
    for tag in (*tags, *_LEGACY_TAGS):
        yield from ("--platform", f"{tag}_{_MACHINE}")


def _identity(credentials: Path | None) -> dict[str, str]:
    """Return the setting by which both uv and pip find a netrc file; only its path is told.

    See https://docs.astral.sh/uv/concepts/authentication/ and
    https://requests.readthedocs.io/en/latest/user/authentication/#netrc-authentication.
    """
    return {"NETRC": str(credentials.absolute())} if credentials else {}


def _indexes() -> dict[str, str]:
    """Return uv's settings for the indexes that this machine's pip is set up with.

    As settings, for an address may say who one is, and everybody can read the arguments of others.
    """
    listing = process.run([sys.executable, "-m", "pip", "config", "list"]).output
    settings = dict(
        re.findall(r"^(?:global|install|:env:)\.([a-z-]+)='(.*)'$", listing, re.MULTILINE)
    )
    names = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX"}
    return {
        uvs: " ".join(settings[pips].split()) for pips, uvs in names.items() if pips in settings
    }


def _refusal(said: str, requirements: Path) -> HerdbookError:
    text = _CREDENTIALS.sub("://", said.strip())[-1500:]
    if "No space left" in said:
        return NoSpaceError("There is no space left for Python packages")
    if "DO NOT MATCH" in said or "hash mismatch" in said.lower():
        return VerificationError(f"The index gave other bytes than were locked:\n{text}")
    if _UNKNOWN.search(said):
        return InvalidInputError(
            f"The Python package index does not know who asks:\n{text}",
            hint="Name a secret in netrc format in `python.credentials`, and give it with "
            "--secret NAME=FILE; its `machine` is the index's server.",
            where=str(requirements),
        )
    if _OFFLINE.search(said):
        return NetworkError(
            f"The Python package index could not be read:\n{text}",
            hint="Check the network and pip's configuration, then try again.",
        )
    if "No solution found" in said or "No matching distribution" in said:
        return UnsatisfiableError(
            f"The requirements cannot be met by wheels:\n{text}", where=str(requirements)
        )
    return InvalidInputError(f"The requirements cannot be read:\n{text}", where=str(requirements))
