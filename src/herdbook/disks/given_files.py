"""Tells a machine which files it is given at a start, and where in its root they are to be seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.disks import root_paths

LIST_NAME = "herdbook.files"
"""The file of this start's disk that the initrd reads: a line for each file."""

FILE_PREFIX = "herdbook.file."
"""Such a name, with the file's place in the list, has the content."""


@dataclass(frozen=True)
class GivenFile:
    """A file that a machine sees, and cannot write to, at an absolute path of its root."""

    target: str
    content: bytes
    mode: int = 0o444


def given_files(files: Sequence[GivenFile]) -> Mapping[str, bytes]:
    """Return what lies on this start's disk for files, by name; nothing for none.

    Raises InvalidInputError for a target that is no plain path, or is one twice.
    """
    if not files:
        return {}
    for each in files:
        check_target(each.target)
    if len({each.target for each in files}) < len(files):
        raise InvalidInputError("Two files are to be seen at the same path")
    lines = "".join(f"{number} {each.mode:o} {each.target}\n" for number, each in enumerate(files))
    contents = {f"{FILE_PREFIX}{number}": each.content for number, each in enumerate(files)}
    return {LIST_NAME: lines.encode(), **contents}


def check_target(target: str) -> None:
    """Raise InvalidInputError for a target where a machine can see no file."""
    if not root_paths.is_plain(target):
        raise InvalidInputError(
            f"A machine can see no file at {target!r}",
            hint=root_paths.HINT,
        )
    if not root_paths.is_of_the_root(target):
        raise InvalidInputError(
            f"A machine can see no file at {target}: that is the kernel's, or made anew",
            hint="Use a path outside of /dev, /proc, /run and /sys.",
        )
