"""Makes ext4 file systems in raw disks, mends them after a crash, and looks through them.

Nothing is ever mounted on this machine: what a guest has written is read by e2fsprogs alone.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from herdbook.core.errors import EngineError, VerificationError
from herdbook.drivers import process
from herdbook.fleet.volumes import Proof

_MEBIBYTE = 1 << 20
_LABEL_BYTES = 16
_LIMIT_SECONDS = 6 * 3600.0
_MENDED = 3
"""e2fsck's status is a sum: 1 and 2 say that all errors were corrected (e2fsck(8))."""

_ROOT_INODE = 2
_LISTED = re.compile(r"/(\d+)/([0-7]{6})/\d+/\d+/(.+)/(\d*)/")
_DIRECTORY = "04"
_REGULAR = "10"


def make_ext4(path: Path, size_bytes: int, label: str) -> None:
    """Make an empty file system in a new sparse file of that size.

    Raises NoSpaceError, EngineError where it is too small for one.
    """
    with path.open("wb") as stream:
        stream.truncate(size_bytes)
    # What cannot be right is not written on with; and nothing is set aside for root.
    options = ("-q", "-F", "-m", "0", "-e", "remount-ro", "-L", label[:_LABEL_BYTES])
    # A new file is all zeros, so the journal need not be zeroed, nor later the tables by a guest.
    extended = "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=1"
    _tell(["mkfs.ext4", *options, "-E", extended, path]).refuse_failure("mkfs.ext4 failed")


def make_volume(path: Path, size_bytes: int, name: str) -> None:
    """Make a volume: a raw disk with one empty ext4, rounded up to whole MiB.

    Raises as `make_ext4` does.
    """
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        incoming = Path(folder) / "volume"
        make_ext4(incoming, -(-size_bytes // _MEBIBYTE) * _MEBIBYTE, name)
        # A database refuses to begin in a directory with anything in it.
        emptied = _tell(["debugfs", "-w", "-R", "rmdir lost+found", incoming])
        emptied.refuse_failure("debugfs failed")
        incoming.chmod(0o600)
        incoming.rename(path)


def mend(path: Path) -> None:
    """Finish what a crash left in the journal, and mend what is safe to mend.

    Raises EngineError where more is broken: such a volume is not to be written to.
    """
    result = _tell(["e2fsck", "-p", path])
    if result.status & ~_MENDED:
        raise EngineError(
            f"The file system of {path} is damaged: {result.last_words}",
            hint="Restore a snapshot, or look at it with e2fsck on a copy.",
            where=str(path),
        )


def prove_ext4(copy: Path) -> Proof:
    """Check all of a file system and list its files; the journal in `copy` is played first.

    Raises VerificationError where anything is wrong with it.
    """
    _tell(["e2fsck", "-E", "journal_only", "-p", copy])
    result = _tell(["e2fsck", "-f", "-n", copy])
    if result.status:
        raise VerificationError(f"The file system is damaged: {result.last_words}", where=str(copy))
    return _list(copy)


def _list(image: Path) -> Proof:
    """Count the files of a file system, directory by directory; it must be sound."""
    files = size_bytes = 0
    level = [_ROOT_INODE]
    while level:
        below = []
        for inode, kind, name, size in _listed(image, level):
            if kind == _DIRECTORY and name not in (".", ".."):
                below.append(inode)
            elif kind == _REGULAR:
                files += 1
                size_bytes += size
        level = below
    return Proof(files, size_bytes)


def _listed(image: Path, inodes: Iterable[int]) -> Iterable[tuple[int, str, str, int]]:
    """Yield inode, kind, name and size of all that some directories hold."""
    commands = "".join(f"ls -p <{inode}>\n" for inode in inodes)
    result = _tell(["debugfs", "-f", "-", image], commands.encode())
    for found in _LISTED.finditer(result.output):
        yield int(found[1]), found[2][:2], found[3], int(found[4] or 0)


def _tell(arguments: Sequence[str | Path], given: bytes | None = None) -> process.Result:
    result = process.run(arguments, given=given, limit_seconds=_LIMIT_SECONDS)
    result.refuse_full_disk()
    return result
