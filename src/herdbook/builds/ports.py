"""The ports a build needs: a sandbox to run packages' scripts in, and a source of wheels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from herdbook.builds.lock import LockedPython
from herdbook.core.progress import Progress


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
    read-only.
    """

    lower: Sequence[Path]
    upper: Path
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[Path, str] = field(default_factory=dict)
    limit_seconds: float = 1800.0


class Sandbox(Protocol):
    """Runs commands in a root: no network, no devices, nothing of this machine to be seen.

    The command sees itself as root but lacks what only a machine's root may do. Nothing of it
    survives: neither a process nor a mount, even where we are killed.
    """

    def require(self) -> None:
        """Raise MissingToolError where it is plain that `run` would: asked before long work."""
        ...

    def run(self, job: Job) -> Outcome:
        """Run a command to its end; a status other than 0 is no exception.

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

    def resolve(self, requirements: Path, python: str, glibc: str) -> LockedPython:
        """Pin every requirement and what it needs, as wheels with their digests.

        `python` is `3.11`, `glibc` is `2.36`: the image's, not this machine's. Raises
        UnsatisfiableError, NetworkError, InvalidInputError.
        """
        ...

    def fetch(self, locked: LockedPython, progress: Progress) -> list[Path]:
        """Return the kept wheels, fetching those not kept yet; as Archive.fetch in all else."""
        ...
