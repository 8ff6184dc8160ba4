"""Locks a disk image as QEMU does, so that no machine can open it meanwhile."""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herdbook.core.errors import ConflictError

_FIRST_BYTE = 100
_BYTES = 164
"""QEMU says by locks on single bytes from 100 and from 200 on what it does with an image, and what
others may not do (block/file-posix.c, RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE)."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep machines off an image; raises ConflictError where one has it open."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        if not _lock(descriptor):
            raise ConflictError(
                f"The disk {path.name!r} is in use by a machine",
                hint="Stop the machine that holds it first.",
                where=str(path),
            )
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    # A lock of the open file (F_OFD_SETLK), for a process's would end with any of its files.
    wish = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, _FIRST_BYTE, _BYTES, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, wish)
    except (BlockingIOError, PermissionError):
        return False
    return True
