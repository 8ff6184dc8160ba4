"""Locks a recipe: asks the archive and the package index once, and writes the answer down."""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from herdbook.actions.asked_secrets import require_credentials
from herdbook.actions.choose_packages import below_recipe, choose
from herdbook.actions.inputs import inputs_of, present_lock, requirements_of
from herdbook.actions.lock_node import lock_node
from herdbook.actions.lock_tools import lock_python_tools, lock_tools
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedPython, lock_path, read_lock, render
from herdbook.core.errors import (
    InvalidInputError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.core.whole_files import write_whole
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.people.acts import Act
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class LockChange:
    """What locking changed: names of packages and wheels with their versions before and now."""

    path: Path
    lock: Lock
    changed: tuple[tuple[str, str, str], ...]


def lock(workshop: Workshop, recipe_file: RecipeFile) -> LockChange:
    """Resolve a recipe against the archive as it is now, and write its lock.

    The file is replaced at once or not at all. Raises VerificationError where the archive offers
    an older index than the present lock was made from: a mirror rolled back hides fixes.
    """
    require_role(workshop, Act.LOCK, recipe_file.recipe.image)
    require_credentials(recipe_file, workshop.secrets)
    # A base is imported for it, and everything is chosen from one state of the archive.
    with workshop.layers.lease(recipe_file.recipe.image), workshop.archive.one_reading():
        return _lock(workshop, recipe_file)


def _lock(workshop: Workshop, recipe_file: RecipeFile) -> LockChange:
    inputs = inputs_of(recipe_file)
    path = lock_path(recipe_file, inputs)
    before = read_lock(path) if path.exists() else None
    below = below_recipe(workshop, recipe_file)
    try:
        chosen = choose(workshop, recipe_file.recipe, below)
    except UnsatisfiableError as error:
        raise _at_its_line(error, recipe_file) from error
    if before is not None and before.suite == below.suite:
        _refuse_older(before.indexes, chosen.indexes)
    tools = lock_tools(workshop, recipe_file.recipe)
    versions = below.versions | _versions_of(chosen.packages)
    _require_interpreters(recipe_file, versions)
    python_tools = lock_python_tools(workshop, recipe_file.recipe, below.suite)
    for old, new in (
        (before and before.ansible, tools),
        (before and before.python_tools, python_tools),
    ):
        if old and new:
            _refuse_older(old.indexes, new.indexes)
    made = Lock(
        inputs=inputs,
        suite=below.suite,
        indexes=chosen.indexes,
        packages=chosen.packages,
        machine=chosen.machine,
        machine_has=chosen.machine_has,
        parent=below.parent,
        base=below.base,
        python=_lock_python(workshop, recipe_file, versions),
        node=lock_node(recipe_file),
        ansible=tools,
        python_tools=python_tools,
    )
    path.parent.mkdir(exist_ok=True)
    write_whole(path, render(made).encode(), mode=0o644)
    return LockChange(path, made, _changes(before, made))


def lock_for_build(workshop: Workshop, recipe_file: RecipeFile, *, frozen: bool) -> Lock:
    """Make the lock of a recipe that has none, or none for what the recipe asks for now.

    With `frozen`, raises InvalidInputError instead.
    """
    path = lock_path(recipe_file, inputs_of(recipe_file))
    reason = (
        f"{path.name} is out of date: the recipe asks for other things"
        if path.exists()
        else f"there is no {path.name} yet"
    )
    if frozen:
        raise InvalidInputError(
            f"The lock may not be made anew, but {reason}",
            hint=f"Run: herdbook lock {recipe_file.path}",
            where=str(path),
        )
    workshop.progress.say(f"Locking: {reason}")
    return lock(workshop, recipe_file).lock


def lock_missing(workshop: Workshop, recipe_files: Sequence[RecipeFile], *, frozen: bool) -> None:
    """Lock the recipes that have no lock or none that fits, each index read once for all.

    Recipes that share a lock are locked once.
    """
    by_lock = {lock_path(each, inputs_of(each)): each for each in reversed(recipe_files)}
    missing = [each for each in by_lock.values() if present_lock(each) is None]
    at_once = 2 * (os.cpu_count() or 1)  # half of the time goes by in waiting for indexes
    with workshop.archive.one_reading(), ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(partial(lock_for_build, workshop, frozen=frozen), missing):
            pass  # the first that failed raises


def _at_its_line(error: UnsatisfiableError, recipe_file: RecipeFile) -> UnsatisfiableError:
    packages = recipe_file.recipe.packages
    named = [number for number, name in enumerate(packages) if error.where == name]
    place = ("packages", named[0]) if named else ("packages",)
    error.where = recipe_file.where(*place)
    return error


def _refuse_older(before: Sequence[SignedIndex], indexes: Sequence[SignedIndex]) -> None:
    dates = {index.pocket: index.date for index in before}
    for index in indexes:
        if index.pocket in dates and index.date < dates[index.pocket]:
            raise VerificationError(
                f"The archive offers an index of {index.pocket} from {index.date:%Y-%m-%d}, "
                f"older than the one this recipe was locked with ({dates[index.pocket]:%Y-%m-%d})",
                hint="The mirror lags behind or was rolled back: use another one.",
            )


def _require_interpreters(recipe_file: RecipeFile, installed: Collection[str]) -> None:
    """Raise InvalidInputError where nothing runs what a language's step installs."""
    recipe = recipe_file.recipe
    for key, step, interpreter in (
        ("python", recipe.python, "python3"),
        ("node", recipe.node, "nodejs"),
    ):
        if step is not None and interpreter not in installed:
            raise InvalidInputError(
                f"{key} needs the interpreter, and the image has no package {interpreter}",
                hint=f"Add {interpreter} to `packages`.",
                where=recipe_file.where(key),
            )


def _lock_python(
    workshop: Workshop, recipe_file: RecipeFile, versions: Mapping[str, str]
) -> LockedPython | None:
    if recipe_file.recipe.python is None:
        return None
    python, glibc = (_leading(versions[name]) for name in ("python3", "libc6"))
    return resolve_python(workshop, recipe_file, python, glibc)


def resolve_python(
    workshop: Workshop, recipe_file: RecipeFile, python_version: str, glibc: str
) -> LockedPython | None:
    """Return what a recipe's requirements come to now, for an interpreter such as 3.11."""
    requirements, python = requirements_of(recipe_file), recipe_file.recipe.python
    if requirements is None or python is None:
        return None
    with workshop.progress.task("Resolving Python requirements"):
        return workshop.wheels.resolve(
            requirements,
            python=python_version,
            glibc=glibc,
            from_source=python.from_source,
            credentials=workshop.secrets.path(python.credentials),
        )


def _leading(version: str) -> str:
    """Return the first two numbers of a Debian version: `3.11.2-1+b1` is `3.11`."""
    match = re.match(r"(?:\d+:)?(\d+\.\d+)", version)
    return match[1] if match else version


def _versions_of(packages: Sequence[LockedPackage]) -> dict[str, str]:
    return {package.name: package.version for package in packages}


def _changes(before: Lock | None, now: Lock) -> tuple[tuple[str, str, str], ...]:
    old, new = _versions(before), _versions(now)
    return tuple(
        (name, old.get(name, ""), new.get(name, ""))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _versions(lock: Lock | None) -> dict[str, str]:
    if lock is None:
        return {}
    versions = _versions_of([*lock.packages, *lock.machine])
    if lock.parent:
        versions[f"{lock.parent.image} (the image below)"] = str(lock.parent.number)
    tools = lock.ansible.packages if lock.ansible else ()
    versions |= {f"{package.name} (Ansible)": package.version for package in tools}
    python = lock.python.packages if lock.python else ()
    versions |= {f"{each.name} (Python)": each.version for each in python}
    modules = lock.node.packages if lock.node else ()
    return versions | {f"{module.path} (Node)": module.version for module in modules}
