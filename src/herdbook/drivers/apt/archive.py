"""Solves and fetches with apt, verified, and without touching the machine's own apt state."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import (
    HerdbookError,
    MissingToolError,
    NetworkError,
    NoSpaceError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.core.nearest import did_you_mean
from herdbook.core.progress import Progress
from herdbook.drivers import process
from herdbook.drivers.apt.downloads import Download, download
from herdbook.drivers.apt.sources import (
    Mirrors,
    configured_mirrors,
    keyring,
    network_settings,
)
from herdbook.drivers.claims import claim
from herdbook.drivers.incoming import incoming
from herdbook.packages.control import source_of, stanza
from herdbook.packages.model import LockedPackage, Resolution, SignedIndex
from herdbook.packages.suites import Suite

_ARCHITECTURE = "amd64"
_UPDATE_LIMIT_SECONDS = 600.0
_DISTRUST = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|not signed|no longer signed|"
    r"couldn't be verified|is expired|is not valid yet|invalid signature|Hash Sum mismatch|"
    r"clearsigned file|Malformed|weak digest|weak security|no valid|unexpected size|"
    r"Conflicting distribution",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AptArchive:
    """An archive kept under `directory`: apt's private state, and every .deb by its digest.

    `mirrors` and `keyring_directory` stand in for the machine's own, for tests and odd set-ups.
    """

    directory: Path
    mirrors: Mirrors | None = None
    keyring_directory: Path = Path("/usr/share/keyrings")

    def resolve(
        self,
        suite: Suite,
        sets: Sequence[Sequence[str]],
        progress: Progress,
        *,
        essential: bool = True,
    ) -> Resolution:
        """Choose versions for each set on top of the one before; see the port's promises."""
        with claim(self.directory / "apt" / f"{suite.name}.claim"):
            state = self._prepare(suite)
            with progress.task(f"Reading the index of {suite.name}"):
                self._update(state)
            return self._choose(state, suite, sets, progress, essential=essential)

    def _choose(
        self,
        state: Path,
        suite: Suite,
        sets: Sequence[Sequence[str]],
        progress: Progress,
        *,
        essential: bool,
    ) -> Resolution:
        indexes = _signed_indexes(state, suite)
        chosen: list[tuple[LockedPackage, ...]] = []
        with progress.task("Solving", len(sets), "sets") as task:
            for wanted in sets:
                before = [package.name for packages in chosen for package in packages]
                pattern = ["?essential"] if essential else []
                names = [*dict.fromkeys([*before, *wanted])]
                chosen.append(self._solve(state, suite, names, pattern))
                task.advance()
        return Resolution(indexes=indexes, sets=tuple(chosen))

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
        configuration.write_text(self._configuration())
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
        return self.mirrors or configured_mirrors()

    def _configuration(self) -> str:
        """Return the part of apt's configuration that is the same for every suite."""
        private = self.directory / "etc"
        private.mkdir(parents=True, exist_ok=True)
        lines = [
            f'Dir::Etc "{private}";',
            'APT::Sandbox::User "root";',  # the state directory may lie where _apt cannot look
            'Acquire::Check-Valid-Until "true";',
            'Acquire::Check-Date "true";',
            'Acquire::AllowInsecureRepositories "false";',
            'Acquire::AllowDowngradeToInsecureRepositories "false";',
            'Acquire::AllowWeakRepositories "false";',
            'Acquire::Languages "none";',
            'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
            'Acquire::Retries "2";',
            'Acquire::Retries::Delay "false";',  # apt 2.6 waits for ever where the disk is full
        ]
        return network_settings() + "\n".join(lines) + "\n"

    def _prepare(self, suite: Suite) -> Path:
        """Lay out apt's private state directory for a suite and return it."""
        state = self.directory / "apt" / suite.name
        for name in (
            "lists/partial",
            "cache/archives/partial",
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/trusted.gpg.d",
        ):
            (state / name).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        keys = state / "etc/trusted.gpg.d/suite.gpg"
        keys.write_bytes(keyring(suite, self.keyring_directory))
        mirrors = self._mirrors()
        (state / "sources.sources").write_text(
            _source(mirrors.main, f"{suite.name} {suite.updates}")
            + "\n"
            + _source(mirrors.security, suite.security)
        )
        configuration = self._configuration() + "\n".join(
            [
                f'Dir::State "{state}";',
                f'Dir::State::status "{state}/status";',
                f'Dir::State::lists "{state}/lists";',
                f'Dir::Cache "{state}/cache";',
                f'Dir::Etc "{state}/etc";',
                f'Dir::Etc::sourcelist "{state}/sources.sources";',
                'Dir::Etc::sourceparts "-";',
                # Not Signed-By: a space in the folder's name would end it.
                'Dir::Etc::trusted "/dev/null";',
                f'Dir::Etc::trustedparts "{keys.parent}";',
                f'APT::Architecture "{_ARCHITECTURE}";',
                f'APT::Architectures {{ "{_ARCHITECTURE}"; }};',
                'APT::Install-Recommends "false";',
                'Debug::NoLocking "true";',
                "",
            ]
        )
        (state / "apt.conf").write_text(configuration)
        return state

    def _update(self, state: Path) -> None:
        result = _apt(state, "apt-get", "update", "-q", limit_seconds=_UPDATE_LIMIT_SECONDS)
        said = result.errors + result.output
        # apt calls an unreachable mirror a warning and goes on with old lists; we do not.
        if result.succeeded and not re.search(r"^[WE]:", said, re.MULTILINE):
            return
        raise _failed_update(said)

    def _solve(
        self, state: Path, suite: Suite, names: Sequence[str], patterns: Sequence[str]
    ) -> tuple[LockedPackage, ...]:
        unknown = _unknown(state, names)
        if unknown:
            raise unknown
        result = _apt(state, "apt-get", "install", "-q", "--print-uris", "--yes", *patterns, *names)
        if not result.succeeded:
            raise UnsatisfiableError(
                f"These packages cannot be installed together:\n{_explanation(result)}",
                hint="Remove one of them from `packages`, or choose another suite.",
            )
        files = [line.split()[1] for line in result.output.splitlines() if line.startswith("'")]
        wanted = [_name_and_version(file) for file in files]
        shown = _apt(state, "apt-cache", "show", *(f"{name}={version}" for name, version in wanted))
        pockets = _pockets(state, suite)
        return tuple(
            sorted(_locked(shown.output, set(wanted), pockets), key=lambda each: each.name)
        )


def _holds(file: Path, package: LockedPackage) -> bool:
    try:
        return file.stat().st_size == package.size and digests.of_file(file) == package.sha256
    except FileNotFoundError:
        return False


def _source(address: str, suites: str) -> str:
    return (
        f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\n"
        f"Architectures: {_ARCHITECTURE}\n"
    )


def _apt(
    state: Path, program: str, *arguments: str, limit_seconds: float = 120.0
) -> process.Result:
    environment = {"APT_CONFIG": str(state / "apt.conf"), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin"}
    return process.run([program, *arguments], environment=environment, limit_seconds=limit_seconds)


def _failed_update(said: str) -> HerdbookError:
    errors = [line for line in said.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    text = "\n".join(dict.fromkeys(errors[:6])) or said[-400:]
    if "No space left" in said:
        return NoSpaceError("There is no space left for the archive's index")
    if _DISTRUST.search(said):
        return VerificationError(
            f"The archive's index cannot be trusted:\n{text}",
            hint="Nothing of it was used. Check the machine's clock and mirror, and "
            "debian-archive-keyring.",
        )
    return NetworkError(
        f"The archive's index could not be read:\n{text}",
        hint="Check the network and apt's sources, then try again. "
        "A build from an existing lock needs no index.",
    )


def _unknown(state: Path, names: Sequence[str]) -> UnsatisfiableError | None:
    known = _apt(state, "apt-cache", "pkgnames").output.split()
    wrong = [name for name in names if name not in set(known)]
    if not wrong:
        return None
    error = UnsatisfiableError(
        f"There is no package {wrong[0]!r} in this suite",
        hint=did_you_mean(wrong[0], known, "Look for its name with: apt-cache search WORD"),
    )
    error.where = wrong[0]
    return error


def _explanation(result: process.Result) -> str:
    _, _, tail = result.output.partition("unmet dependencies:\n")
    return (tail or result.last_words).rstrip()[:2000]


def _name_and_version(file: str) -> tuple[str, str]:
    """Split apt's name for a downloaded file; it writes `:` of an epoch as `%3a`."""
    name, version, _ = file.split("_", 2)
    return name, version.replace("%3a", ":")


def _locked(
    stanzas: str, wanted: set[tuple[str, str]], pockets: dict[str, str]
) -> list[LockedPackage]:
    found: dict[tuple[str, str], LockedPackage] = {}
    for text in stanzas.strip().split("\n\n"):
        fields = stanza(text)
        key = (fields["package"], fields["version"])
        if key not in wanted or key in found:
            continue
        source, source_version = source_of(fields)
        found[key] = LockedPackage(
            name=fields["package"],
            version=fields["version"],
            architecture=fields["architecture"],
            source=source,
            source_version=source_version,
            pocket=pockets[fields["sha256"]],
            path=fields["filename"],
            size=int(fields["size"]),
            sha256=Digest("sha256:" + fields["sha256"]),
        )
    if missing := wanted - found.keys():
        raise MissingToolError(f"apt chose packages it does not describe: {sorted(missing)}")
    return list(found.values())


def _pockets(state: Path, suite: Suite) -> dict[str, str]:
    """Return the pocket of every .deb by its digest; the first pocket that holds it counts."""
    pockets: dict[str, str] = {}
    for pocket in (suite.name, suite.updates, suite.security):
        for index in (state / "lists").glob(f"*_dists_{pocket}_main_binary-*_Packages"):
            for digest in re.findall(r"^SHA256: ([0-9a-f]{64})$", index.read_text(), re.MULTILINE):
                pockets.setdefault(digest, pocket)
    return pockets


def _signed_indexes(state: Path, suite: Suite) -> tuple[SignedIndex, ...]:
    found = []
    for pocket in (suite.name, suite.updates, suite.security):
        for path in (state / "lists").glob(f"*_dists_{pocket}_InRelease"):
            text = path.read_text()
            found.append(
                SignedIndex(
                    pocket=pocket,
                    digest=digests.of_file(path),
                    date=_date(text, "Date"),
                    valid_until=_date(text, "Valid-Until") if "\nValid-Until:" in text else None,
                )
            )
    return tuple(found)


def _date(text: str, field: str) -> datetime:
    match = re.search(rf"^{field}: (.+)$", text, re.MULTILINE)
    if match is None:
        raise VerificationError(f"A signed index has no {field}")
    return parsedate_to_datetime(match[1].replace("UTC", "+0000"))
