"""Finds what a patch replaces in locks: in an image's own, and in those of the images below it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedPython
from herdbook.builds.patching import Pair, patched_lock, patched_packages
from herdbook.campaigns.model import Target
from herdbook.catalogue.components import Ecosystem
from herdbook.catalogue.model import Version
from herdbook.trust.version_order import compare_versions, is_older


@dataclass
class PairFinder:
    """Holds locks against targets; a lock that many versions have is read once."""

    workshop: Workshop
    targets: Sequence[Target]
    _locks: dict[str, Lock] = field(default_factory=dict)

    def below(self, lock: Lock) -> tuple[Pair, ...]:
        """Return what is replaced in the images that one with this lock is made from."""
        if lock.parent is None:
            return ()
        found = self.workshop.versions.find(lock.parent.image, lock.parent.number)
        if found is None:
            return ()
        below = self.lock(found.lock)
        return (*self.below(below), *self.own(below))

    def own(self, lock: Lock) -> tuple[Pair, ...]:
        """Return what is replaced in a lock: what the targets have a newer version of."""
        held = {each.name: each.version for each in (*lock.packages, *lock.machine)}
        newer = {
            each.name: each
            for target in self.targets
            if target.suite == lock.suite
            for each in target.packages
            if each.name in held and is_older(Ecosystem.DEBIAN, held[each.name], each.version)
        }
        return patched_packages(lock, newer)

    def python(self, lock: Lock) -> LockedPython | None:
        """Return what replaces a lock's Python packages; None where nothing does."""
        for target in self.targets:
            new = target.python.get(lock.inputs)
            if new is not None and lock.python is not None and _is_newer(lock.python, new):
                return new
        return None

    def python_below(self, lock: Lock) -> bool:
        """Tell whether Python packages of an image below are replaced."""
        if lock.parent is None:
            return False
        found = self.workshop.versions.find(lock.parent.image, lock.parent.number)
        below = self.lock(found.lock) if found else None
        return below is not None and self.has_old_python(below)

    def has_old_python(self, lock: Lock) -> bool:
        """Tell whether Python packages are replaced, a lock's own or those of an image below."""
        return self.python(lock) is not None or self.python_below(lock)

    def is_old(self, version: Version) -> bool:
        """Tell whether a version holds anything that is replaced, in its own lock or below."""
        lock = self.lock(version.lock)
        return bool(self.below(lock) or self.own(lock)) or self.has_old_python(lock)

    def is_patched(self, before: Version, after: Version) -> bool:
        """Tell whether a version's lock is an earlier one's with the patch, and nothing else."""
        old, new = self.lock(before.lock), self.lock(after.lock)
        wanted = patched_lock(old, self.own(old), new.indexes, new.parent, self.python(old))
        if wanted.model_copy(update={"indexes": ()}) != new.model_copy(update={"indexes": ()}):
            return False
        if old.parent is None or old.parent == new.parent:
            return True
        versions = [
            self.workshop.versions.find(each.image, each.number)
            for each in (old.parent, new.parent)
            if each is not None and each.image == old.parent.image
        ]
        found = [each for each in versions if each is not None]
        return len(found) == 2 and self.is_patched(*found)  # noqa: PLR2004 - both of them

    def lock(self, text: str) -> Lock:
        """Return a lock that was kept as text."""
        if text not in self._locks:
            self._locks[text] = Lock.model_validate_json(text)
        return self._locks[text]


def _is_newer(before: LockedPython, after: LockedPython) -> bool:
    """Tell whether some Python package is newer and none is older: nothing is taken back."""
    old, new = before.versions, after.versions
    orders = {
        compare_versions(Ecosystem.PYTHON, old[name], new[name]) for name in old.keys() & new.keys()
    }
    return -1 in orders and 1 not in orders
