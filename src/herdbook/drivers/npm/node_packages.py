"""Keeps npm tarballs by their integrity, fetching what is missing, several side by side."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from herdbook.builds.locked_node import LockedNode, LockedNodePackage
from herdbook.core.progress import Progress
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.http.credentials import Credentials
from herdbook.drivers.http.downloads import Downloader
from herdbook.drivers.incoming import incoming
from herdbook.drivers.npm.registries import configured_registries
from herdbook.drivers.npm.source import Source

_SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class NpmNodePackages:
    """Tarballs under `directory`, each named by its digest."""

    directory: Path

    def fetch(
        self, locked: LockedNode, progress: Progress, *, credentials: Path | None = None
    ) -> list[Path]:
        """Return the kept tarballs, fetching those not kept yet, or no longer with their bytes."""
        if self._missing(locked):
            with incoming(self.directory) as folder:
                # Asked again: another process may have fetched them while this one waited.
                if missing := self._missing(locked):
                    with progress.task(
                        f"Fetching {len(missing)} npm packages", unit="bytes"
                    ) as task:
                        self._fetch(missing, folder, credentials, task.advance)
        return [self._kept(package) for package in locked.tarballs]

    def _missing(self, locked: LockedNode) -> list[LockedNodePackage]:
        """Return the packages whose tarball is not kept, each tarball once."""
        each_once = {package.integrity: package for package in locked.tarballs}
        return [package for package in each_once.values() if not self._holds(package)]

    def _holds(self, package: LockedNodePackage) -> bool:
        algorithm, digest = package.digest
        try:
            with self._kept(package).open("rb") as file:
                return hashlib.file_digest(file, algorithm).digest() == digest
        except FileNotFoundError:
            return False

    def _kept(self, package: LockedNodePackage) -> Path:
        algorithm, digest = package.digest
        return self.directory / f"{algorithm}-{digest.hex()}.tgz"

    def _fetch(
        self,
        missing: Sequence[LockedNodePackage],
        folder: Path,
        credentials: Path | None,
        advance: Callable[[int], None],
    ) -> None:
        over = Event()
        registries = configured_registries(folder)
        connections = Connections(registries.proxies, registries.certificates)
        downloader = Downloader(connections, Credentials(credentials), over)
        source = Source(registries, downloader, advance)

        def fetch(package: LockedNodePackage) -> None:
            kept = self._kept(package)
            source.fetch(package, folder / kept.name)
            (folder / kept.name).rename(kept)

        pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
        try:
            for fetched in as_completed([pool.submit(fetch, package) for package in missing]):
                fetched.result()
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
            connections.close()
