"""Finds a private directory in memory: for secrets, which must not reach a disk, and sockets."""

import os
import stat
from pathlib import Path

from herdbook.core import digests
from herdbook.core.errors import EngineError, MissingToolError

_MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs"}


def runtime_directory() -> Path:
    """Return a directory on tmpfs that only this user can enter; it is empty after a restart.

    Raises MissingToolError where no tmpfs is writable, EngineError where someone else put a
    directory of that name there. The path is short, for a socket's is limited to 108 bytes.
    """
    user_id = os.geteuid()
    own = (Path("/run"),) if user_id == 0 else (Path(f"/run/user/{user_id}"),)
    for parent in (*own, Path("/dev/shm")):  # noqa: S108 - made private and checked below
        if parent in _memory_mounts() and os.access(parent, os.W_OK):
            return _private(parent / f"herdbook-{user_id}")
    raise MissingToolError(
        "There is no file system in memory that secrets could be kept in",
        hint="Mount a tmpfs at /dev/shm.",
    )


def socket_path(program: str, directory: Path) -> Path:
    """Return where a socket of a program may be that has its files in `directory`.

    Not there, for that path may be too long. Raises as `runtime_directory` does.
    """
    sockets = runtime_directory() / program
    sockets.mkdir(exist_ok=True, mode=0o700)
    return sockets / f"{digests.short(digests.of_bytes(str(directory).encode()))}.sock"


def _memory_mounts() -> set[Path]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    mounts = (line.split() for line in lines)
    return {Path(mount[1]) for mount in mounts if mount[2] in _MEMORY_FILE_SYSTEMS}


def _private(directory: Path) -> Path:
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    # /dev/shm is open to all: another user may have been there first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EngineError(
            f"{directory} is not private to this user",
            hint=f"Find out who made it, then remove it: rm -r {directory}",
        )
    return directory
