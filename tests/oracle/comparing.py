"""Compares two roots path by path; what differs is named by what of the path it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from roots import Root

from herdbook.layers.tree import Entry


class Aspect(Enum):
    """What of a path can differ."""

    MISSING = "only mmdebstrap has it"
    EXTRA = "only Herdbook has it"
    KIND = "kind"
    TARGET = "target"
    CONTENT = "content"
    MODE = "mode"
    OWNER = "owner"
    CAPABILITIES = "capabilities"
    TIME = "time"


@dataclass(frozen=True)
class Finding:
    """One difference: of which path, in what, and both sides of it in words."""

    path: str
    aspect: Aspect
    ours: str = ""
    theirs: str = ""

    def __str__(self) -> str:
        """The difference in one line."""
        sides = f": {self.ours} here, {self.theirs} there" if self.ours != self.theirs else ""
        return f"/{self.path} ({self.aspect.value}{sides})"


def compare(ours: Root, theirs: Root) -> Iterator[Finding]:
    """Yield every difference, by path."""
    for path in sorted(ours.tree.keys() | theirs.tree.keys()):
        here, there = ours.tree.get(path), theirs.tree.get(path)
        if here is None:
            yield Finding(path, Aspect.MISSING)
        elif there is None:
            yield Finding(path, Aspect.EXTRA)
        elif here.kind is not there.kind:
            yield Finding(path, Aspect.KIND, here.kind.value, there.kind.value)
        else:
            yield from _compare_one(ours, here, theirs, there)


def _compare_one(ours: Root, here: Entry, theirs: Root, there: Entry) -> Iterator[Finding]:
    sides = {
        Aspect.TARGET: (here.target, there.target),
        Aspect.CONTENT: (here.digest or "", there.digest or ""),
        Aspect.MODE: (f"{here.mode:04o}", f"{there.mode:04o}"),
        Aspect.OWNER: (ours.owner(here), theirs.owner(there)),
        Aspect.CAPABILITIES: (repr(here.xattrs), repr(there.xattrs)),
        Aspect.TIME: (str(here.mtime), str(there.mtime)),
    }
    for aspect, (one, other) in sides.items():
        if one != other:
            yield Finding(here.path, aspect, one, other)
