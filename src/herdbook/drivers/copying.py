"""Copies files and directories with all that is known of them, sharing blocks where it can."""

from collections.abc import Sequence
from pathlib import Path

from herdbook.drivers import process

_LIMIT_SECONDS = 24 * 3600.0
"""A large volume on a slow disk takes hours, and is still no reason to give up."""


def copy(source: Path, target: Path, *, shared: bool = True) -> None:
    """Copy to a new path; where the file system can, the two share their blocks.

    Otherwise, and where `shared` is not wanted, no zeros take room in the copy. It is on the disk
    afterwards. Raises NoSpaceError, EngineError.
    """
    sharing = f"--reflink={'auto' if shared else 'never'}"
    _run(["cp", "--archive", sharing, "--sparse=always", "-T"], source, target)
    to_disk(target)


def to_disk(path: Path) -> None:
    """See to it that a file, or all of a directory, outlives a power cut."""
    _run(["sync"] if path.is_file() else ["sync", "--file-system"], path)


def _run(command: Sequence[str], *paths: Path) -> None:
    result = process.run([*command, "--", *paths], limit_seconds=_LIMIT_SECONDS)
    result.refuse_failure(f"{command[0]} failed")
