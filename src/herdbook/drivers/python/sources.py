"""Finds and fetches Python source distributions, of which nothing is ever run here."""

import errno
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.parse import unquote, urlsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from herdbook.builds.lock import SOURCE_FILE, LockedSource
from herdbook.core import digests
from herdbook.core.errors import (
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.http.credentials import Credentials
from herdbook.drivers.http.downloads import AbsentError, Downloader
from herdbook.drivers.python.pip_settings import PipSettings
from herdbook.drivers.python.uv import Uv


@dataclass(frozen=True)
class Offer:
    """A source distribution that an index has, and where; its digest if the index says it."""

    name: str
    version: str
    address: str
    sha256: str = ""

    @property
    def file(self) -> str:
        """The file's name; PEP 625 knows `.tar.gz` alone."""
        return unquote(urlsplit(self.address).path.rpartition("/")[2])


def find_sources(uv: Uv, wanted: str, names: Sequence[str], folder: Path) -> list[Offer]:
    """Return the newest source distributions that these requirements allow, by name.

    uv is told that none of them needs anything, so it neither builds nor reads them. Raises
    InvalidInputError for a name that is not among the requirements.
    """
    asked = {canonicalize_name(name) for name in names}
    lines = {line: canonicalize_name(Requirement(line).name) for line in wanted.splitlines()}
    if absent := asked - set(lines.values()):
        raise InvalidInputError(
            f"{', '.join(sorted(absent))} is to be built from source and is not wanted",
            hint="Write it into the requirements file, or take it out of `python.from_source`.",
            where=str(uv.named),
        )
    settings = folder / "uv.toml"
    settings.write_text("".join(_needs_nothing(name) for name in sorted(asked)))
    options: list[str | Path] = ["--config-file", settings, "--no-deps", "--format", "pylock.toml"]
    for name in sorted(asked):
        options += ["--no-binary", name]
    try:
        pinned = uv.compile(
            "".join(f"{line}\n" for line, name in lines.items() if name in asked), options
        )
    except UnsatisfiableError as error:
        error.message = error.message.replace("by wheels", "by source distributions", 1)
        error.hint = "Take it as a wheel: leave it out of `python.from_source`."
        raise
    return [_offer(package, uv.named) for package in tomllib.loads(pinned).get("packages", [])]


def _needs_nothing(name: str) -> str:
    return f"[[dependency-metadata]]\nname = {json.dumps(name)}\nrequires-dist = []\n\n"


def _offer(package: dict[str, object], named: Path) -> Offer:
    match package:
        case {"name": str(name), "version": str(version), "sdist": {"url": str(address), **more}}:
            hashes = more.get("hashes")
            said = hashes.get("sha256") if isinstance(hashes, dict) else ""
            offer = Offer(name, version, address, str(said or ""))
            if re.fullmatch(SOURCE_FILE, offer.file):  # it becomes the name of a file here
                return offer
        case _:
            name = str(package.get("name"))
    raise UnsatisfiableError(
        f"The index has no source distribution of {name} (.tar.gz)",
        hint="Take it as a wheel: leave it out of `python.from_source`.",
        where=str(named),
    )


@dataclass(frozen=True)
class SourceDownloads:
    """Fetches what was found, as pip is set up; `credentials` is a netrc file."""

    settings: PipSettings
    credentials: Path | None

    def fetch(self, offers: Sequence[Offer], folder: Path) -> Iterator[tuple[LockedSource, Path]]:
        """Yield each with the digest it has and the file in `folder` that holds it."""
        proxies = {"http": self.settings.proxy, "https": self.settings.proxy}
        connections = Connections(
            {scheme: proxy for scheme, proxy in proxies.items() if proxy},
            self.settings.certificates,
        )
        who = Credentials(self.credentials, dict(self.settings.known()))
        downloader = Downloader(connections, who, Event())
        try:
            for offer in offers:
                path = folder / offer.file
                self._require_reachable(offer)
                _fetch(downloader, offer, path)
                digest = digests.of_file(path)
                if offer.sha256 and digest != f"sha256:{offer.sha256}":
                    raise VerificationError(
                        f"The index gave other bytes for {offer.file} than it says it has",
                        hint="Do not use that index, or try again: it may just be changing.",
                    )
                locked = LockedSource(
                    name=offer.name, version=offer.version, file=offer.file, sha256=digest
                )
                yield locked, path
        finally:
            connections.close()

    def _require_reachable(self, offer: Offer) -> None:
        """Raise VerificationError where an index elsewhere points to files of this machine."""
        indexes = (*self.settings.indexes, *self.settings.more_indexes)
        if urlsplit(offer.address).scheme == "file" and not any(
            urlsplit(index).scheme == "file" for index in indexes
        ):
            raise VerificationError(
                f"The index says that {offer.file} lies on this machine",
                hint="Do not use that index.",
            )


def _fetch(downloader: Downloader, offer: Offer, target: Path) -> None:
    parts = urlsplit(offer.address)
    if parts.scheme == "file":
        target.write_bytes(Path(unquote(parts.path)).read_bytes())
        return

    def take(pieces: Iterator[bytes]) -> None:
        with target.open("wb") as file:
            file.writelines(pieces)

    try:
        downloader.read(offer.address, f"{offer.name} {offer.version}", take)
    except AbsentError as error:
        raise NetworkError(
            f"The index names {offer.file} and does not have it",
            hint="Lock again: herdbook lock",
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpaceError("There is no space left for Python packages") from error
        raise
