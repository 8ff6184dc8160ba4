"""Solves and fetches with apt, verified, and without touching the machine's own apt state."""

import errno
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NoSpaceError
from herdbook.core.progress import Progress
from herdbook.drivers.apt.downloads import Download, download
from herdbook.drivers.apt.indexes import packages_in, signed_indexes
from herdbook.drivers.apt.offers import newest_of
from herdbook.drivers.apt.solving import Solver
from herdbook.drivers.apt.sources import Mirrors, configured_mirrors, keyring
from herdbook.drivers.apt.state import AptState, common_configuration, prepare
from herdbook.drivers.claims import claim
from herdbook.drivers.incoming import incoming
from herdbook.packages.model import LockedPackage, Offer, Resolution
from herdbook.packages.suites import Suite


@dataclass(frozen=True)
class AptArchive:
    """An archive kept under `directory`: apt's private state, and every .deb by its digest.

    `mirrors` and `keyring_directory` stand in for the machine's own, for tests and odd set-ups.
    """

    directory: Path
    mirrors: Mirrors | None = None
    keyring_directory: Path = Path("/usr/share/keyrings")
    _readers: list[None] = field(default_factory=list)
    _read: set[str] = field(default_factory=set)

    def resolve(
        self,
        suite: Suite,
        sets: Sequence[Sequence[str]],
        progress: Progress,
        *,
        essential: bool = True,
        installed: str = "",
    ) -> Resolution:
        """Choose versions for each set on top of the one before; see the port's promises."""
        patterns = ["?essential"] if essential and not installed else []
        with self._up_to_date(suite, progress, installed) as state:
            solver = Solver(state, suite)
            chosen: list[tuple[LockedPackage, ...]] = []
            with progress.task("Solving", len(sets), "sets") as task:
                for wanted in sets:
                    before = [package.name for packages in chosen for package in packages]
                    chosen.append(solver.solve([*dict.fromkeys([*before, *wanted])], patterns))
                    task.advance()
            indexes = signed_indexes(state.lists, suite)
        return Resolution(indexes=indexes, sets=tuple(chosen))

    def newest(self, suite: Suite, names: Collection[str], progress: Progress) -> Offer:
        """Return the newest package of each name that any pocket has; see the port's promises."""
        with self._up_to_date(suite, progress) as state:
            packages = newest_of(state.lists, suite, names)
            return Offer(indexes=signed_indexes(state.lists, suite), packages=packages)

    def unlisted(
        self, suite: Suite, packages: Collection[LockedPackage], progress: Progress
    ) -> list[LockedPackage]:
        """Return those that no pocket lists now with these bytes; see the port's promises."""
        with self._up_to_date(suite, progress) as state:
            names = {each.name for each in packages}
            listed = {_identity(each) for each in packages_in(state.lists, suite, names)}
        return [each for each in packages if _identity(each) not in listed]

    @contextmanager
    def _up_to_date(
        self, suite: Suite, progress: Progress, installed: str = ""
    ) -> Iterator[AptState]:
        """Keep a suite's state to ourselves, its indexes verified and as new as they have to be."""
        with claim(self.directory / "apt" / f"{suite.name}.claim"):
            keys = keyring(suite, self.keyring_directory)
            try:
                state = prepare(self.directory, suite, self._mirrors(), keys, installed)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                raise NoSpaceError("There is no space left for the archive's index") from error
            if suite.name not in self._read:
                with progress.task(f"Reading the index of {suite.name}"):
                    state.update()
                if self._readers:
                    self._read.add(suite.name)
            yield state

    @contextmanager
    def one_reading(self) -> Iterator[None]:
        """Read every index once at most until the block ends; see the port's promises."""
        self._readers.append(None)
        try:
            yield
        finally:
            self._readers.pop()
            if not self._readers:
                self._read.clear()

    def fetch(self, packages: Sequence[LockedPackage], progress: Progress) -> None:
        """See to it that every package is kept here; see the port's promises."""
        missing = self._missing(packages)
        if not missing:
            return
        with incoming(self.directory / "debs") as folder:
            # Somebody else's build may have fetched them while we waited.
            if missing := self._missing(missing):
                self._download(missing, folder, progress)

    def _missing(self, packages: Sequence[LockedPackage]) -> list[LockedPackage]:
        """Return the packages that are not kept here, or no longer with their bytes."""
        return [package for package in packages if not _holds(self.kept(package), package)]

    def _download(self, missing: Sequence[LockedPackage], folder: Path, progress: Progress) -> None:
        mirrors = self._mirrors()
        for package in missing:
            self.kept(package).unlink(missing_ok=True)
        configuration = self.directory / "apt.conf"
        configuration.write_text(common_configuration(self.directory))
        downloads = [
            Download(
                mirrors.of_pocket(package.pocket) + package.path,
                self.kept(package),
                package.sha256,
                package.size,
                package.label,
            )
            for package in missing
        ]
        download(downloads, folder, configuration, progress)

    def kept(self, package: LockedPackage) -> Path:
        """Return the file of a package that was fetched."""
        return self.directory / "debs" / f"{digests.hexadecimal(package.sha256)}.deb"

    def _mirrors(self) -> Mirrors:
        return self.mirrors or configured_mirrors(self.directory)


def _identity(package: LockedPackage) -> tuple[str, str, str, Digest]:
    return package.name, package.version, package.architecture, package.sha256


def _holds(file: Path, package: LockedPackage) -> bool:
    try:
        return file.stat().st_size == package.size and digests.of_file(file) == package.sha256
    except FileNotFoundError:
        return False
