"""Puts newer packages into a lock that was made before them, and changes nothing else."""

from collections.abc import Collection, Iterable, Mapping

from herdbook.builds.lock import Lock, LockedParent, LockedPython
from herdbook.packages.model import LockedPackage, SignedIndex

Pair = tuple[LockedPackage, LockedPackage]
"""A package as it was locked, and what takes its place."""


def patched_packages(lock: Lock, newer: Mapping[str, LockedPackage]) -> tuple[Pair, ...]:
    """Return those of a lock's packages, of both variants, that others take the place of."""
    held = (*lock.packages, *lock.machine)
    return tuple(
        (package, newer[package.name])
        for package in held
        if package.name in newer and newer[package.name] != package
    )


def patched_lock(
    lock: Lock,
    pairs: Iterable[Pair],
    indexes: Iterable[SignedIndex],
    parent: LockedParent | None,
    python: LockedPython | None = None,
) -> Lock:
    """Return a lock with packages replaced, on another version of the image below where given.

    `indexes` are those that the new packages were found in; they come after those there are.
    `python` takes the place of all Python packages, where it is given.
    """
    new = {old.name: package for old, package in pairs}
    every = {index.digest: index for index in (*lock.indexes, *indexes)}
    return lock.model_copy(
        update={
            "packages": tuple(new.get(each.name, each) for each in lock.packages),
            "machine": tuple(new.get(each.name, each) for each in lock.machine),
            "indexes": tuple(every.values()),
            "parent": parent or lock.parent,
            "python": python or lock.python,
        }
    )


def as_in_recipes(lock: Lock) -> Lock:
    """Return the lock of a built version as it lies beside its recipe."""
    return lock.model_copy(update={"arranged": {}})


def indexes_of(
    packages: Collection[LockedPackage], indexes: Iterable[SignedIndex]
) -> tuple[SignedIndex, ...]:
    """Return those indexes that packages were found in, by pocket."""
    pockets = {package.pocket for package in packages}
    return tuple(index for index in indexes if index.pocket in pockets)
