"""apt's private state for one suite: laid out here, and no program of apt's called without it."""

import re
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import HerdbookError, NetworkError, NoSpaceError, VerificationError
from herdbook.drivers import process
from herdbook.drivers.apt.sources import Mirrors, network_settings
from herdbook.packages.suites import Suite

ARCHITECTURE = "amd64"
_LIMIT_SECONDS = 120.0
_UPDATE_LIMIT_SECONDS = 600.0
_DISTRUST = re.compile(
    r"NO_PUBKEY|BADSIG|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|not signed|no longer signed|"
    r"couldn't be verified|is expired|is not valid yet|invalid signature|Hash Sum mismatch|"
    r"clearsigned file|Malformed|weak digest|weak security|no valid|unexpected size|"
    r"Conflicting distribution",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class AptState:
    """A folder that holds all apt knows: sources, keys, indexes, and what is installed."""

    folder: Path

    @property
    def lists(self) -> Path:
        """The folder of the indexes, those only that were verified."""
        return self.folder / "lists"

    def call(
        self, program: str, *arguments: str, limit_seconds: float = _LIMIT_SECONDS
    ) -> process.Result:
        """Run one of apt's programs on this state."""
        environment = {
            "APT_CONFIG": str(self.folder / "apt.conf"),
            "LC_ALL": "C.UTF-8",
            "PATH": "/usr/bin",
        }
        return process.run(
            [program, *arguments], environment=environment, limit_seconds=limit_seconds
        )

    def update(self) -> None:
        """Bring the indexes up to date; raises where the archive gives none or wrong ones."""
        # What apt computes from the indexes is made by the first program that needs it.
        options = ("-q", "--option", "pkgCacheFile::Generate=false")
        result = self.call("apt-get", "update", *options, limit_seconds=_UPDATE_LIMIT_SECONDS)
        said = result.errors + result.output
        # apt calls an unreachable mirror a warning and goes on with old lists; we do not.
        if not result.succeeded or re.search(r"^[WE]:", said, re.MULTILINE):
            raise index_failure(said)


def prepare(
    directory: Path, suite: Suite, mirrors: Mirrors, keys: bytes, installed: str
) -> AptState:
    """Lay out the state of a suite below `directory`; `installed` is dpkg's status there."""
    state = directory / "apt" / suite.name
    for name in (
        "lists/partial",
        "cache/archives/partial",
        "etc/apt.conf.d",
        "etc/preferences.d",
        "etc/trusted.gpg.d",
    ):
        (state / name).mkdir(parents=True, exist_ok=True)
    _write(state / "status", installed.encode(errors="surrogateescape"))
    trusted = state / "etc/trusted.gpg.d/suite.gpg"
    _write(trusted, keys)
    sources = (
        _source(mirrors.main, f"{suite.name} {suite.updates}"),
        _source(mirrors.security, suite.security),
    )
    _write(state / "sources.sources", "\n".join(sources).encode())
    lines = [
        f'Dir::State "{state}";',
        f'Dir::State::status "{state}/status";',
        f'Dir::State::lists "{state}/lists";',
        f'Dir::Cache "{state}/cache";',
        f'Dir::Etc "{state}/etc";',
        f'Dir::Etc::sourcelist "{state}/sources.sources";',
        'Dir::Etc::sourceparts "-";',
        # Not Signed-By: a space in the folder's name would end it.
        'Dir::Etc::trusted "/dev/null";',
        f'Dir::Etc::trustedparts "{trusted.parent}";',
        f'APT::Architecture "{ARCHITECTURE}";',
        f'APT::Architectures {{ "{ARCHITECTURE}"; }};',
        'APT::Install-Recommends "false";',
        'Debug::NoLocking "true";',
        "",
    ]
    configuration = common_configuration(directory) + "\n".join(lines)
    _write(state / "apt.conf", configuration.encode())
    return AptState(state)


def common_configuration(directory: Path) -> str:
    """Return the part of apt's configuration that is the same for every suite."""
    private = directory / "etc"
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


def _write(path: Path, content: bytes) -> None:
    """Write a file unless it says so already: a new time makes apt compute everything anew."""
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def _source(address: str, suites: str) -> str:
    return (
        f"Types: deb\nURIs: {address}\nSuites: {suites}\nComponents: main\n"
        f"Architectures: {ARCHITECTURE}\n"
    )


def index_failure(said: str) -> HerdbookError:
    """Return the error that apt's words about its indexes mean."""
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
