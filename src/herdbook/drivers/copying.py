"""Copies files and directories with all that is known of them, sharing blocks where it can."""

import re
from collections.abc import Sequence
from pathlib import Path

from herdbook.core.errors import EngineError
from herdbook.drivers import process
from herdbook.drivers.exchanging import remove

_LIMIT_SECONDS = 24 * 3600.0
"""A large volume on a slow disk takes hours, and is still no reason to give up."""

_TRIES = 3
_COPY = ("cp", "--archive", "--sparse=always", "-T")
# `cp` opens by path. Whoever holds the directory could put a link in the place of a folder just
# then, and have us copy whatever it leads to: where it looks, no link leads anywhere.
_WITHOUT_LINKS = (
    'mount --bind -o ro,nodev,nosymfollow "$1" "$1" && shift && exec "$@"'  # for itself alone
)
_OF_SOURCE = r"cp: (?:cannot (?:stat|open|access|read symbolic link) )?['\"].*: "
_GONE = re.compile(_OF_SOURCE + "No such file or directory")
_REPLACED = re.compile(
    _OF_SOURCE + "(?:Too many levels of symbolic links|Not a directory|Invalid argument)"
    "|cp: skipping file .*, as it was replaced while being copied"
)


def copy(source: Path, target: Path, *, shared: bool = True) -> None:
    """Copy to a new path; where the file system can, the two share their blocks.

    Otherwise, and where `shared` is not wanted, no zeros take room in the copy. It is on the disk
    afterwards. Raises NoSpaceError, EngineError.
    """
    _run([*_COPY, f"--reflink={'auto' if shared else 'never'}"], source, target)
    to_disk(target)


def copy_in_use(source: Path, target: Path) -> None:
    """Do as `copy` does with a directory that others change meanwhile, as they like.

    What they delete is passed over. Raises EngineError where they put one thing in the place of
    another whenever it is tried.
    """
    for _ in range(_TRIES):
        result = _copy_without_links(source, target)
        faults = faults_of(result.errors)
        if result.succeeded or (not faults and target.exists()):
            to_disk(target)
            return
        if not faults or not all(map(_REPLACED.fullmatch, faults)):
            result.refuse_failure("cp failed")
        remove(target)
    raise EngineError(
        f"The volume {source.name} changed again and again while it was copied",
        hint="Take down the service that writes there, or have it be quiet, and try again.",
        where=str(source),
    )


def faults_of(said: str) -> list[str]:
    """Return what `cp` complains of, but for files that were gone when their turn came."""
    return [line for line in said.splitlines() if not _GONE.fullmatch(line)]


def to_disk(path: Path) -> None:
    """See to it that a file, or all of a directory, outlives a power cut."""
    _run(["sync"] if path.is_file() else ["sync", "--file-system"], path)


def _copy_without_links(source: Path, target: Path) -> process.Result:
    shell: list[str | Path] = ["sh", "-c", _WITHOUT_LINKS, "sh", source]
    copying: list[str | Path] = [*_COPY, "--reflink=auto", "--", source, target]
    return process.run(
        ["unshare", "--mount", "--propagation", "private", *shell, *copying],
        environment=process.inherited({"LC_ALL": "C"}),  # for `faults_of`
        limit_seconds=_LIMIT_SECONDS,
    )


def _run(command: Sequence[str], *paths: Path) -> None:
    result = process.run([*command, "--", *paths], limit_seconds=_LIMIT_SECONDS)
    result.refuse_failure(f"{command[0]} failed")
