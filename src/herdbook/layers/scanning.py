"""Reads a root on disk into a tree, by content and never by what an earlier run remembers.

A root may be written as overlayfs writes it: an upper folder over the tree of what lies below.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.layers.reading import KEPT_XATTRS
from herdbook.layers.stacking import still_seen
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, Tree, tree_of

_OPAQUE = "trusted.overlay.opaque"


def scan(upper: Path, lower: Tree | None = None) -> dict[str, Entry]:
    """Return the tree of a folder, seen over the tree that lies below it.

    Directories get the canonical time. A file with several names is a file under the first of them
    by path and a hardlink under the others. Sockets and pipes left by a package's script are
    skipped; a device raises VerificationError, but for overlayfs's own mark of a removed path.
    """
    first_names: dict[tuple[int, int], str] = {}
    entries = []
    hidden = set()
    for path, status in sorted(_walk(upper, ""), key=lambda pair: pair[0]):
        entry = _entry(upper, path, status, first_names)
        if entry is None or entry.kind is not Kind.DIRECTORY or _is_opaque(upper / path):
            hidden.add(path)
        if entry is not None and entry.kind is not Kind.REMOVED:
            entries.append(entry)
    return tree_of([*still_seen(lower or {}, hidden).values(), *entries])


def _is_opaque(directory: Path) -> bool:
    return _OPAQUE in os.listxattr(directory) and os.getxattr(directory, _OPAQUE) == b"y"


def _walk(root: Path, directory: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(root / directory) as members:
        for member in members:
            path = f"{directory}/{member.name}" if directory else member.name
            yield path, member.stat(follow_symlinks=False)
            if member.is_dir(follow_symlinks=False):
                yield from _walk(root, path)


def _entry(
    root: Path,
    path: str,
    status: os.stat_result,
    first_names: dict[tuple[int, int], str],
) -> Entry | None:
    kind = _kind(path, status)
    if kind is None:
        return None
    if kind is Kind.REMOVED:
        return Entry(path, kind)
    full = root / path
    target, digest, size = "", None, 0
    if kind is Kind.SYMLINK:
        target = os.readlink(full)  # noqa: PTH115 - pathlib would tidy `./x` and `x/` up
    elif kind is Kind.FILE:
        first = first_names.setdefault((status.st_dev, status.st_ino), path)
        if first != path:
            kind, target = Kind.HARDLINK, first
        else:
            digest, size = digests.of_file(full), status.st_size
    return Entry(
        path,
        kind,
        mode=0o777 if kind is Kind.SYMLINK else stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime=CANONICAL_DIRECTORY_MTIME if kind is Kind.DIRECTORY else int(status.st_mtime),
        size=size,
        digest=digest,
        target=target,
        xattrs=_xattrs(full) if kind is Kind.FILE else (),
    )


def _kind(path: str, status: os.stat_result) -> Kind | None:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    if stat.S_ISLNK(mode):
        return Kind.SYMLINK
    if stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode):
        return None
    if stat.S_ISCHR(mode) and status.st_rdev == 0:
        return Kind.REMOVED
    raise VerificationError(f"/{path} is a device, which an image may not hold")


def _xattrs(path: Path) -> tuple[tuple[str, bytes], ...]:
    names = KEPT_XATTRS.intersection(os.listxattr(path, follow_symlinks=False))
    return tuple((name, os.getxattr(path, name)) for name in sorted(names))
