"""Keeps what machines write from filling the disk: of a long log, the beginning is given back."""

from pathlib import Path

from herdbook.drivers import process

LIMIT_BYTES = 50 << 20
"""How much room a log may take, as a container's."""

KEPT_BYTES = 25 << 20
"""How much of its end is left of one that took more."""

_BLOCK_BYTES = 4096
_STATUS_BLOCK_BYTES = 512  # as stat(2) counts


def limit_log(path: Path) -> None:
    """Give back the room of a log's beginning once it takes more than the limit.

    QEMU goes on writing where it was, and nobody has to stay with it: the file is as long as
    before, with a hole at its beginning (fallocate(1)). File systems without holes keep it all.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if status.st_blocks * _STATUS_BLOCK_BYTES <= LIMIT_BYTES:
        return
    length = (status.st_size - KEPT_BYTES) // _BLOCK_BYTES * _BLOCK_BYTES
    process.run(["fallocate", "--punch-hole", "--offset=0", f"--length={length}", path])
