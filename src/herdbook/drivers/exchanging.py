"""Puts a file or directory in place of another one; a kill never leaves half of either."""

import os
from pathlib import Path

from herdbook.drivers import process

_LIMIT_SECONDS = 24 * 3600.0
"""Millions of files on a slow disk take their time."""


def exchange(incoming: Path, path: Path) -> None:
    """Put a file or directory in place of another one, on the same file system.

    Killed in between, it is `recover` that brings the other one back.
    """
    before = _beside(path, "before")
    if path.exists():
        path.rename(before)
    incoming.rename(path)
    sync_names(path.parent)
    remove(before)


def recover(path: Path) -> None:
    """Put right what a killed `exchange` or `remove_at_once` of this path left."""
    before = _beside(path, "before")
    if before.exists() and not path.exists():
        before.rename(path)
    remove(before)
    remove(_beside(path, "removed"))


def remove(path: Path) -> None:
    """Remove a file, a link or a directory with all that is in it, however deep; idempotent."""
    if path.is_dir() and not path.is_symlink():
        removed = process.run(["rm", "-rf", "--", path], limit_seconds=_LIMIT_SECONDS)
        removed.refuse_failure("rm failed")
    else:
        path.unlink(missing_ok=True)


def remove_at_once(path: Path) -> None:
    """Remove a file or a directory so that half of it is never seen; idempotent."""
    removed = _beside(path, "removed")
    remove(removed)
    if path.exists():
        path.rename(removed)
        remove(removed)


def sync_names(folder: Path) -> None:
    """See to it that a folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, purpose: str) -> Path:
    return path.with_name(f".{path.name}.{purpose}")
