"""Finds newer releases of Python packages within what recipes ask for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from herdbook.actions.find_homes import Homes
from herdbook.actions.find_pairs import PairFinder
from herdbook.actions.lock import resolve_python
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedPython
from herdbook.campaigns.model import Target
from herdbook.campaigns.ports import ImageClass
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.holders import ComponentQuery
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, HerdbookError, NetworkError, NotFoundError
from herdbook.trust.version_order import is_older

_MOST_ASKED = 20
PYTHON_SOURCE = "pypi/"
"""What a campaign's source begins with where it is a Python package."""


def find_python(workshop: Workshop, sources: Sequence[str]) -> Target:
    """Return, for each lock with one of these packages, what its requirements come to now.

    Left out are locks whose ranges allow nothing newer of them, and such whose recipes are not at
    hand any more or have changed: what they would ask for is not known.
    """
    numbers = [number for source in sources for number, _ in held_of(workshop, source)]
    names = {source.removeprefix(PYTHON_SOURCE) for source in sources}
    locks = {}
    for of, old, new in newer_python(workshop, numbers):
        if any(_is_newer(old.versions, new.versions, name) for name in names):
            locks[Lock.model_validate_json(of.lock).inputs] = new
    return Target(python=locks)


def newer_python(
    workshop: Workshop, components: Iterable[int]
) -> Iterator[tuple[ImageClass, LockedPython, LockedPython]]:
    """Yield classes of images that hold such a component, with what they lock and could lock now.

    Each lock is resolved once.
    """
    layers = {use.digest for use in workshop.components.uses(list(components))}
    found, homes = dict[Digest, LockedPython | None](), Homes()
    pairs = PairFinder(workshop, ())
    for each in workshop.herd.classes(layers):
        lock = pairs.lock(each.lock)
        if lock.python is None:
            continue
        if lock.inputs not in found:
            found[lock.inputs] = _resolved(workshop, homes, each, lock)
        new = found[lock.inputs]
        if new is not None and new != lock.python:
            yield each, lock.python, new


def _is_newer(old: Mapping[str, str], new: Mapping[str, str], name: str) -> bool:
    return name in old and name in new and is_older(Ecosystem.PYTHON, old[name], new[name])


def _resolved(workshop: Workshop, homes: Homes, of: ImageClass, lock: Lock) -> LockedPython | None:
    python, told = lock.python, ""
    if python is None:
        return None
    for member in islice(workshop.herd.members(of), _MOST_ASKED):
        try:
            recipe_file = homes.inputs(member, lock).recipe_file
            return resolve_python(workshop, recipe_file, python.version, python.glibc)
        except (ConflictError, NotFoundError) as error:  # another one may have its recipe
            told = f"{member.image} is left out: {error.message}"
        except NetworkError:
            raise
        except HerdbookError as error:
            told = f"{member.image} is left out: {error.message}"
            break
    workshop.progress.say(told)
    return None


def python_versions(targets: Iterable[Target]) -> Mapping[str, list[str]]:
    """Return the versions of each Python package that some lock moves to."""
    found: dict[str, list[str]] = {}
    for target in targets:
        for python in target.python.values():
            for each in python.packages:
                found.setdefault(each.name, []).append(each.version)
    return found


def held_of(workshop: Workshop, source: str) -> Iterator[tuple[int, Component]]:
    """Yield the components of a source, by number."""
    if source.startswith(PYTHON_SOURCE):
        query = ComponentQuery(source.removeprefix(PYTHON_SOURCE), Ecosystem.PYTHON)
        yield from workshop.components.matching(query)
        return
    for number, component in workshop.components.matching(ComponentQuery(source, Ecosystem.DEBIAN)):
        if (component.source or component.name) == source:
            yield number, component
