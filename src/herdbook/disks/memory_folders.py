"""Tells a machine which folders it has in memory, as Compose writes them."""

import re
from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.disks import root_paths

_NUMBERED = re.compile(r"(size|nr_blocks|nr_inodes|mode|uid|gid)=[0-9]+[kKmMgG%]?")
_ALLOWANCES = {"exec": "noexec", "suid": "nosuid", "dev": "nodev"}
"""What is allowed only where it is said, and how mount(8) forbids it (podman-run(1), `--tmpfs`)."""

_FLAGS = {"rw", *_ALLOWANCES, *_ALLOWANCES.values()}
_ALREADY_THERE = "/run"


@dataclass(frozen=True)
class MemoryFolder:
    """A folder in memory at an absolute path, with the options of its file system (tmpfs(5))."""

    target: str
    options: str


def memory_folders(texts: tuple[str, ...]) -> list[MemoryFolder]:
    """Return what `PATH` or `PATH:OPTIONS` mean: as in a container, anybody may write there.

    A machine's /run is in memory in any case, and its own. Raises InvalidInputError for a path
    where no such folder can be, and for an option that the kernel would not know.
    """
    folders = [_folder(text) for text in texts]
    return [each for each in folders if each.target != _ALREADY_THERE]


def _folder(text: str) -> MemoryFolder:
    target, _, options = text.partition(":")
    given = [each for each in options.split(",") if each]
    if unknown := [each for each in given if each not in _FLAGS and not _NUMBERED.fullmatch(each)]:
        raise InvalidInputError(
            f"{unknown[0]!r} is no option of a folder in memory",
            hint="Write exec, or size, mode, uid, gid, nr_inodes or nr_blocks with a number.",
        )
    if not root_paths.is_plain(target):
        raise InvalidInputError(f"No folder in memory can be at {target!r}", hint=root_paths.HINT)
    if not root_paths.is_writable(target):
        raise InvalidInputError(f"No folder in memory can be at {target}: it is the kernel's")
    forbidden = [no for yes, no in _ALLOWANCES.items() if not {yes, no} & set(given)]
    mode = [] if any(each.startswith("mode=") for each in given) else ["mode=1777"]
    return MemoryFolder(target, ",".join([*forbidden, *mode, *given]))
