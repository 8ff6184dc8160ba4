"""Keeps Python packages by digest, from the indexes that this machine's pip is set to."""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from herdbook.builds.lock import LockedPython, LockedSource, LockedWheel
from herdbook.builds.source_distributions import SourceMetadata, read_metadata, stand_in
from herdbook.core import digests
from herdbook.core.errors import NetworkError, UnsatisfiableError, VerificationError
from herdbook.core.progress import Progress
from herdbook.drivers import process
from herdbook.drivers.incoming import incoming
from herdbook.drivers.python.pip_settings import pip_settings
from herdbook.drivers.python.sources import SourceDownloads, find_sources
from herdbook.drivers.python.uv import MACHINE, Uv, refusal

_OLDEST_GLIBC_MINOR = 5  # manylinux1
_LEGACY_TAGS = ("manylinux2014", "manylinux2010", "manylinux1", "linux")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==(\S+)", re.MULTILINE)
_WHEELS_ONLY = ("--no-config", "--only-binary", ":all:", "--generate-hashes")


@dataclass(frozen=True)
class House:
    """What is kept, for one interpreter; `named` is the requirements file, for messages."""

    directory: Path
    python: str
    glibc: str
    named: Path
    credentials: Path | None

    def locked(
        self,
        wheels: Iterable[LockedWheel],
        sources: Sequence[LockedSource] = (),
        building: Iterable[LockedWheel] = (),
    ) -> LockedPython:
        """Return all of it as a lock names it."""
        return LockedPython(
            version=self.python,
            glibc=self.glibc,
            wheels=tuple(sorted(wheels, key=_by_name)),
            sources=tuple(sources),
            build_wheels=tuple(sorted(building, key=_by_name)),
        )

    def resolve(self, wanted: str, built: Sequence[SourceMetadata]) -> list[LockedWheel]:
        """Decide on requirements and fetch their wheels, but for those that are to be built."""
        pinned = self._pinned(wanted, built)
        with incoming(self.directory) as folder:
            if pinned.strip():
                self._download(pinned, folder)
            wheels = [self._keep_wheel(path) for path in folder.iterdir()]
        names = {canonicalize_name(match[1]) for match in _PINNED.finditer(pinned)}
        if missing := names - {canonicalize_name(wheel.name) for wheel in wheels}:
            raise NetworkError(f"No wheel was fetched for {', '.join(sorted(missing))}")
        return wheels

    def _pinned(self, wanted: str, built: Sequence[SourceMetadata]) -> str:
        """Return all requirements pinned, but for those that are to be built.

        For each of these, a wheel stands in that says what it needs.
        """
        with TemporaryDirectory(prefix="herdbook-") as folder:
            options: list[str | Path] = [*_WHEELS_ONLY]
            for each in built:
                name, content = stand_in(each)
                (Path(folder) / name).write_bytes(content)
                options += ["--no-emit-package", canonicalize_name(each.name)]
            if built:
                options += ["--find-links", folder]
            return self._uv().compile(wanted, options)

    def sources(
        self, wanted: str, names: Sequence[str]
    ) -> tuple[list[LockedSource], list[SourceMetadata]]:
        """Fetch the source distributions of these names, and read what they say."""
        with incoming(self.directory) as folder:
            offers = find_sources(self._uv(), wanted, names, folder)
            downloads = SourceDownloads(pip_settings(), self.credentials)
            fetched = [
                (source, self._keep(path, source))
                for source, path in downloads.fetch(offers, folder)
            ]
        metadata = [read_metadata(path) for _, path in fetched]
        for (source, _), said in zip(fetched, metadata, strict=True):
            if (canonicalize_name(said.name), said.version) != (
                *(canonicalize_name(source.name), source.version),
            ):
                raise VerificationError(
                    f"{source.file} says that it is {said.name} {said.version}",
                    hint="Take it as a wheel: leave it out of `python.from_source`.",
                )
        return [source for source, _ in fetched], metadata

    def fetch(self, wheels: Sequence[LockedWheel], progress: Progress) -> list[Path]:
        """Return kept wheels, fetching those not kept yet, or no longer with their bytes."""
        missing = [wheel for wheel in wheels if not self._holds(wheel)]
        if missing:
            with progress.task(f"Fetching {len(missing)} wheels"):
                self._fetch(missing)
        self._require(missing)
        return [self.kept(wheel) for wheel in wheels]

    def fetch_sources(self, sources: Sequence[LockedSource], progress: Progress) -> None:
        """Keep source distributions, in the same way."""
        missing = [source for source in sources if not self._holds(source)]
        if missing:
            lines = "".join(f"{each.name}=={each.version}\n" for each in missing)
            with progress.task(f"Fetching {len(missing)} source distributions"):
                self.sources(lines, [each.name for each in missing])
        self._require(missing)

    def _require(self, fetched: Sequence[LockedWheel | LockedSource]) -> None:
        for each in fetched:
            if not self._holds(each):
                raise VerificationError(
                    f"The index no longer gives the locked {each.file}",
                    hint="Lock again: herdbook lock",
                )

    def _fetch(self, missing: Sequence[LockedWheel]) -> None:
        lines = [f"{wheel.name}=={wheel.version} --hash={wheel.sha256}\n" for wheel in missing]
        with incoming(self.directory) as folder:
            try:
                self._download("".join(lines), folder)
            except UnsatisfiableError as error:
                raise NetworkError(
                    f"The index no longer has what was locked:\n{error.message}",
                    hint="Lock again to take what replaced it: herdbook lock. An index that asks "
                    "who one is also needs `python.credentials`.",
                ) from error
            for path in folder.iterdir():
                self._keep_wheel(path)

    def _holds(self, locked: LockedWheel | LockedSource) -> bool:
        try:
            return digests.of_file(self.kept(locked)) == locked.sha256
        except FileNotFoundError:
            return False

    def kept(self, locked: LockedWheel | LockedSource) -> Path:
        """Return where something lies once it is kept."""
        return self.directory / digests.hexadecimal(locked.sha256) / locked.file

    def _keep_wheel(self, path: Path) -> LockedWheel:
        try:
            name, version, _, _ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise VerificationError(f"The index gave {path.name}, which is no wheel") from error
        wheel = LockedWheel(
            name=name, version=str(version), file=path.name, sha256=digests.of_file(path)
        )
        self._keep(path, wheel)
        return wheel

    def _keep(self, path: Path, locked: LockedWheel | LockedSource) -> Path:
        target = self.kept(locked)
        target.parent.mkdir(exist_ok=True)
        return path.rename(target)

    def _download(self, pinned: str, folder: Path) -> None:
        requirements = folder / "requirements.txt"
        requirements.write_text(pinned)
        result = process.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
                *("--disable-pip-version-check", "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "--implementation", "cp"),
                *("--python-version", self.python, "--dest", str(folder)),
                *_platform_arguments(self.glibc),
                *("--requirement", str(requirements)),
            ],
            environment=process.inherited(self._identity()),
        )
        requirements.unlink()
        if not result.succeeded:
            raise refusal(result.errors, requirements)

    def _uv(self) -> Uv:
        settings = pip_settings().for_uv() | self._identity()
        return Uv(self.python, self.glibc, settings, self.named)

    def _identity(self) -> dict[str, str]:
        """Return the setting by which both uv and pip find a netrc file; only its path is told.

        See https://docs.astral.sh/uv/concepts/authentication/ and
        https://requests.readthedocs.io/en/latest/user/authentication/#netrc-authentication.
        """
        return {"NETRC": str(self.credentials.absolute())} if self.credentials else {}


def _by_name(wheel: LockedWheel) -> tuple[str, str]:
    return wheel.name, wheel.version


def _platform_arguments(glibc: str) -> Iterator[str]:
    """Yield the platforms a wheel may be made for (PEP 600), the newest first."""
    major, minor = glibc.split(".")
    tags = [f"manylinux_{major}_{n}" for n in range(int(minor), _OLDEST_GLIBC_MINOR - 1, -1)]
    for tag in (*tags, *_LEGACY_TAGS):
        yield from ("--platform", f"{tag}_{MACHINE}")
