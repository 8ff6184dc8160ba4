"""Gets a package's tarball from its registry, and takes it only with the bytes that were locked."""

import errno
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.locked_node import LockedNodePackage
from herdbook.core.errors import NetworkError, NoSpaceError, VerificationError
from herdbook.drivers.http.downloads import AbsentError, Downloader
from herdbook.drivers.npm.registries import Registries


@dataclass(frozen=True)
class Source:
    """The registries; `advance` is told how many bytes have arrived."""

    registries: Registries
    downloader: Downloader
    advance: Callable[[int], None]

    def fetch(self, package: LockedNodePackage, target: Path) -> None:
        """Write a package's tarball to a new file.

        Raises VerificationError where the registry gives other bytes, and what Downloader raises.
        """
        address = self.registries.tarball(package.name, package.version)
        try:
            self._fetch(address, package, target)
        except AbsentError:
            try:
                self._fetch(self._told(package), package, target)
            except AbsentError as error:
                raise _gone(package, str(error)) from error

    def _fetch(self, address: str, package: LockedNodePackage, target: Path) -> None:
        algorithm, wanted = package.digest
        found = b""

        def take(pieces: Iterator[bytes]) -> None:
            nonlocal found
            found = self._written(pieces, target, hashlib.new(algorithm))

        self.downloader.read(address, package.label, take)
        if found != wanted:
            raise VerificationError(
                f"{address} is not the {package.label} of the lock: its digest is another",
                hint="Do not use that registry, unless package-lock.json itself came from elsewhere"
                " or names an address of its own for it, which Herdbook does not ask.",
            )

    def _written(self, pieces: Iterator[bytes], target: Path, state: "hashlib._Hash") -> bytes:
        try:
            with target.open("wb") as file:
                for piece in pieces:
                    file.write(piece)
                    state.update(piece)
                    self.advance(len(piece))
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise NoSpaceError("There is no space left for npm packages") from error
            raise
        return state.digest()

    def _told(self, package: LockedNodePackage) -> str:
        """Ask the registry where it keeps the tarball: some do not where all others do."""
        address = self.registries.description(package.name)
        content = bytearray()

        def take(pieces: Iterator[bytes]) -> None:
            content.clear()
            for piece in pieces:
                content.extend(piece)

        self.downloader.read(address, package.label, take)
        try:
            told = json.loads(content)["versions"][package.version]["dist"]["tarball"]
        except (ValueError, KeyError, TypeError) as error:
            raise _gone(package, address) from error
        if not isinstance(told, str) or not told.startswith(("https://", "http://")):
            raise _gone(package, address)
        return told


def _gone(package: LockedNodePackage, address: str) -> NetworkError:
    return NetworkError(
        f"The registry has no {package.label}: {address}",
        hint="Set npm up with the registry that has it (npm config set registry, or "
        f"@scope:registry), or update {package.name} in package-lock.json.",
    )
