"""Writes small files so that a reader, and a machine after a power cut, sees all of one or none."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

_PRIVATE = 0o600
_LOOK_SECONDS = 0.2


def write_whole(path: Path, content: bytes, mode: int = _PRIVATE, *, synced: bool = True) -> None:
    """Put `content` in place of what `path` holds, at once; nothing is left where that fails.

    Where it need not outlive a power cut, `synced` may be false: that saves waiting for the disk.
    """
    with _incoming(path, content, mode, synced=synced) as incoming:
        incoming.replace(path)


def kept_whole(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what a file holds; where it is not there yet, it gets what `make` gives, privately.

    Its folder is made, too. Of several that make it at the same time, the first one's is kept, and
    returned to all.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with _incoming(path, make(), _PRIVATE) as incoming, suppress(FileExistsError):
            path.hardlink_to(incoming)
    return path.read_bytes()


@contextmanager
def _incoming(path: Path, content: bytes, mode: int, *, synced: bool = True) -> Iterator[Path]:
    """Give a file beside `path` that holds `content`, safe on the disk, until the block ends."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        incoming = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if synced:
                os.fsync(file.fileno())
            yield incoming
        finally:
            incoming.unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep out every other program that asks for the same folder, and leave no trace there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone_with(file: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Keep out every other program that asks for the same file, which is made, and stays.

    On NFS and SMB a file keeps out those of other machines, and a directory does not. While another
    one has it, `waits` is called again and again: what it raises ends the wait.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        while not _is_ours(descriptor):
            waits()
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    """Lock a file if nobody else has; by what file system it is on, either error says so."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
