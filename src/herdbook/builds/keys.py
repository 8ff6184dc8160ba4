"""Names work by what goes into it, so that nothing is done twice."""

from collections.abc import Iterable, Sequence

from herdbook.builds.lock import Lock, LockedPython
from herdbook.builds.sources import Source
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.layers.writing import LAYER_FORMAT
from herdbook.packages.model import LockedPackage
from herdbook.recipes.model import Recipe

BUILDER = 3
"""Counts changes of what a build makes of the same inputs; part of every key."""


def key(kind: str, *parts: object) -> Digest:
    """Return the name of one piece of work of a kind, from everything that goes into it."""
    return digests.of_json([kind, BUILDER, LAYER_FORMAT, *parts])


def packages_key(packages: Iterable[LockedPackage]) -> Digest:
    """Name the layer that holds these packages."""
    return key("packages", sorted(package.sha256 for package in packages))


def root_key(suite: str, *steps: Sequence[LockedPackage]) -> Digest:
    """Name a root made by installing these sets of packages, one on top of the other."""
    return key("root", suite, [sorted(package.sha256 for package in step) for step in steps])


def python_key(python: LockedPython, root: Digest) -> Digest:
    """Name the layer of a virtual environment, compiled by the interpreter of a root."""
    return key("python", python.version, [wheel.sha256 for wheel in python.wheels], root)


def run_key(below: Sequence[Digest], commands: Sequence[Sequence[str]], root: Digest) -> Digest:
    """Name the layer that commands leave on top of other layers."""
    return key("run", list(below), [list(command) for command in commands], root)


def build_key(recipe: Recipe, lock: Lock, sources: Sequence[Source]) -> Digest:
    """Name a whole build; the same key means that there is nothing to do."""
    return key(
        "build",
        recipe.model_dump(mode="json", by_alias=True),
        lock.digest,
        [source.identity() for source in sources],
    )


def locked_inputs(recipe: Recipe, machine: Sequence[str], requirements: bytes | None) -> Digest:
    """Name what a lock was made for: a change of it makes the lock out of date."""
    return digests.of_json(
        [
            recipe.from_,
            sorted(recipe.packages),
            sorted(recipe.variants),
            sorted(machine),
            digests.of_bytes(requirements) if requirements is not None else None,
        ]
    )
