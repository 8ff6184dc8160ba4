"""What a root or a layer holds, path by path, without the bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from herdbook.core.digests import Digest

CANONICAL_DIRECTORY_MTIME = 0
"""Every directory's time: a neighbour that adds a file must not change it."""


class Kind(Enum):
    """The kinds of file an image may hold; devices, pipes and sockets belong to running systems."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree; two entries are equal when nobody could tell the files apart.

    `path` is relative, normalised and without a leading slash. `mode` holds permissions with
    setuid, setgid and sticky bits. `target` is a symlink's text, or for a hardlink the path (in
    the same tree, sorting earlier) it shares its content with; a hardlink carries no other
    content of its own. `mtime` is in whole seconds since 1970. `xattrs` are (name, value) pairs,
    sorted; only `security.capability` is kept. `REMOVED` marks a path that lower layers have and
    this tree has not (an OCI whiteout).
    """

    path: str
    kind: Kind
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    digest: Digest | None = None
    target: str = ""
    xattrs: tuple[tuple[str, bytes], ...] = ()


Tree = Mapping[str, Entry]
"""Entries by path; the root directory itself is not among them (it is always 0755 root:root)."""


def tree_of(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return a tree of these entries, sorted by path; a later one wins over an earlier one."""
    by_path = {entry.path: entry for entry in entries}
    return dict(sorted(by_path.items()))


def parents(path: str) -> list[str]:
    """Return the directories above `path`, outermost first: `a/b/c` has `a` and `a/b`."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
