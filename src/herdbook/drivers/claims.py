"""Lets one process at a time change an instance; a claim ends with its process, even by kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def claim_path(state_directory: Path, engine: str, name: str) -> Path:
    """Return the file whose lock is the claim on one engine's instance."""
    return state_directory / "claims" / f"{engine}-{name}"


@contextmanager
def claim(path: Path) -> Iterator[int]:
    """Hold the claim until the block ends; waits while another process holds it.

    Yields its descriptor: a program that has it, too, holds the claim where we are killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _lock(path)
    try:
        yield descriptor
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_claimed(path: Path) -> bool:
    """Whether some process is changing the instance right now."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Whoever held it before removed the file: the lock on that one keeps nobody out.
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
