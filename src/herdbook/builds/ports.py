"""The ports a build needs: a sandbox to run packages' scripts in, sources of wheels and npm's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from herdbook.builds.lock import LockedPython
from herdbook.builds.locked_node import LockedNode
from herdbook.core.progress import Progress

SECRETS_FOLDER = "/run/secrets"
"""Where a command finds its secrets, each a file that only root can read."""

IMAGE_FOLDER = "/run/herdbook/image"
"""Where a command that lives in a root of tools finds the root it works on."""


@dataclass(frozen=True)
class Outcome:
    """How a command in the sandbox ended, and all it printed."""

    status: int
    output: str


@dataclass(frozen=True)
class Job:
    """One command to run in a root.

    `lower` are the folders the root is stacked from, the lowest first; all writes go to `upper`
    as overlayfs writes them. `shown` maps folders of this machine to where the command sees them,
    read-only. `secrets` are files below SECRETS_FOLDER, kept in memory and gone with the command.

    With `tools`, the command lives in that root instead, read-only, and works on the image's root
    at IMAGE_FOLDER, which has /dev, /proc, /run, /tmp and the secrets of its own for programs that
    change into it.
    """

    lower: Sequence[Path]
    upper: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[Path, str] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tools: Path | None = None
    directory: str = "/"
    limit_seconds: float = 1800.0


class Sandbox(Protocol):
    """Runs commands in a root: no network, no devices, nothing of this machine to be seen.

    The command sees itself as root but lacks what only a machine's root may do. Nothing of it
    survives: neither a process nor a mount, even where we are killed.
    """

    def require(self) -> None:
        """Raise MissingToolError where it is plain that `run` would: asked before long work."""
        ...

    def run(self, job: Job, heard: Callable[[str], None] | None = None) -> Outcome:
        """Run a command to its end; a status other than 0 is no exception.

        `heard` is told each line it prints at once, secrets and all, in another thread.
        Raises MissingToolError where this machine cannot sandbox, NoSpaceError where the disk is
        full, TimeoutExpiredError at the job's limit.
        """
        ...

    def unpack(self, debs: Sequence[Path], root: Path) -> None:
        """Unpack the files of packages into a folder, following links between directories."""
        ...

    def settle(self, root: Path) -> None:
        """See to it that a finished root outlives a power cut; commands do not wait for that."""
        ...


class WheelHouse(Protocol):
    """Python packages: resolving requirements to pinned wheels, and keeping those."""

    def resolve(
        self,
        requirements: Path,
        python: str,
        glibc: str,
        *,
        from_source: Sequence[str] = (),
        credentials: Path | None = None,
    ) -> LockedPython:
        """Pin every requirement and what it needs, as wheels with their digests.

        Those named in `from_source` are pinned as source distributions, with the wheels that build
        them; nothing of them is run. `python` is `3.11`, `glibc` is `2.36`: the image's, not this
        machine's. `credentials` is a file in netrc format that takes the place of this user's;
        nothing of it is in what is returned, raised or started. Raises UnsatisfiableError,
        NetworkError, InvalidInputError.
        """
        ...

    def fetch(
        self, locked: LockedPython, progress: Progress, *, credentials: Path | None = None
    ) -> list[Path]:
        """Return the kept wheels, fetching those not kept yet; as Archive.fetch in all else."""
        ...

    def fetch_for_building(
        self, locked: LockedPython, progress: Progress, *, credentials: Path | None = None
    ) -> tuple[list[Path], list[Path]]:
        """Return, in the same way, the kept source distributions and the wheels that build them."""
        ...


class NodePackages(Protocol):
    """npm packages: keeping the tarballs that a package-lock.json has pinned."""

    def fetch(
        self, locked: LockedNode, progress: Progress, *, credentials: Path | None = None
    ) -> list[Path]:
        """Return the kept tarballs of `locked.tarballs`, in that order, fetching the others first.

        Nothing is kept but whole files with the locked bytes; what is kept is never fetched again
        and needs no network, and after a failure it is not lost. `credentials` is a file in netrc
        format; nothing of it is in what is returned or raised. Raises VerificationError for other
        bytes, NetworkError, NoSpaceError, InvalidInputError.
        """
        ...
