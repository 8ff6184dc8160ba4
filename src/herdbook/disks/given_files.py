"""Tells a machine which files it is given at a start, and where in its root they are to be seen."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError

LIST_NAME = "herdbook.files"
"""The file of this start's disk that the initrd reads: a line for each file."""

FILE_PREFIX = "herdbook.file."
"""Such a name, with the file's place in the list, has the content."""

_TARGET = re.compile(r"(/[A-Za-z0-9_@+=:,.~-]+)+")
_NOT_OF_THE_ROOT = {"dev", "proc", "run", "sys"}


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
    parts = target.split("/")[1:]
    if not _TARGET.fullmatch(target) or {".", ".."} & set(parts):
        raise InvalidInputError(
            f"A machine can see no file at {target!r}",
            hint="Use an absolute path of letters, digits and _@+=:,.~- between the slashes.",
        )
    if parts[0] in _NOT_OF_THE_ROOT:
        raise InvalidInputError(
            f"A machine can see no file at {target}: that is the kernel's, or made anew",
            hint="Use a path outside of /dev, /proc, /run and /sys.",
        )
