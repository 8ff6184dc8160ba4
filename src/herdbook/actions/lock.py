"""Locks a recipe: asks the archive and the package index once, and writes the answer down."""

import re
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.inputs import inputs_of, machine_packages, requirements_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedPython, lock_path, read_lock, render
from herdbook.core.errors import (
    InvalidInputError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.core.whole_files import write_whole
from herdbook.packages.model import LockedPackage, Resolution
from herdbook.packages.suites import Suite, suite_named
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
    recipe = recipe_file.recipe
    suite = suite_named_in(recipe_file)
    path = lock_path(recipe_file.path)
    before = read_lock(path) if path.exists() else None
    wanted = [[*suite.base, *recipe.packages]]
    if machine := machine_packages(recipe):
        wanted.append(list(machine))
    try:
        resolution = workshop.archive.resolve(suite, wanted, workshop.progress)
    except UnsatisfiableError as error:
        raise _at_its_line(error, recipe_file) from error
    if before is not None and before.suite == suite.name:
        _refuse_older(before, resolution)
    made = Lock(
        inputs=inputs_of(recipe_file),
        suite=suite.name,
        indexes=resolution.indexes,
        packages=resolution.sets[0],
        machine=_additional(resolution),
        python=_lock_python(workshop, recipe_file, resolution.sets[0]),
    )
    write_whole(path, render(made).encode(), mode=0o644)
    return LockChange(path, made, _changes(before, made))


def lock_for_build(workshop: Workshop, recipe_file: RecipeFile, *, frozen: bool) -> Lock:
    """Make the lock of a recipe that has none, or none for what the recipe asks for now.

    With `frozen`, raises InvalidInputError instead.
    """
    path = lock_path(recipe_file.path)
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


def suite_named_in(recipe_file: RecipeFile) -> Suite:
    """Return the recipe's suite; raises InvalidInputError with its line."""
    try:
        return suite_named(recipe_file.recipe.suite)
    except InvalidInputError as error:
        error.where = recipe_file.where("from")
        raise


def _additional(resolution: Resolution) -> tuple[LockedPackage, ...]:
    """Return what the VM's set adds; raises UnsatisfiableError where it changes what is below."""
    if len(resolution.sets) == 1:
        return ()
    below, machine = resolution.sets
    if missing := set(below) - set(machine):
        names = ", ".join(sorted(package.name for package in missing))
        raise UnsatisfiableError(
            f"A VM of this recipe cannot hold the same packages as the container: {names}",
            hint="Build the two as separate recipes, each with one of the `variants`.",
        )
    return tuple(package for package in machine if package not in set(below))


def _at_its_line(error: UnsatisfiableError, recipe_file: RecipeFile) -> UnsatisfiableError:
    packages = recipe_file.recipe.packages
    named = [number for number, name in enumerate(packages) if error.where == name]
    place = ("packages", named[0]) if named else ("packages",)
    error.where = recipe_file.where(*place)
    return error


def _refuse_older(before: Lock, resolution: Resolution) -> None:
    dates = {index.pocket: index.date for index in before.indexes}
    for index in resolution.indexes:
        if index.pocket in dates and index.date < dates[index.pocket]:
            raise VerificationError(
                f"The archive offers an index of {index.pocket} from {index.date:%Y-%m-%d}, "
                f"older than the one this recipe was locked with ({dates[index.pocket]:%Y-%m-%d})",
                hint="The mirror lags behind or was rolled back: use another one.",
            )


def _lock_python(
    workshop: Workshop, recipe_file: RecipeFile, packages: tuple[LockedPackage, ...]
) -> LockedPython | None:
    requirements = requirements_of(recipe_file)
    if requirements is None:
        return None
    versions = {package.name: package.version for package in packages}
    with workshop.progress.task("Resolving Python requirements"):
        return workshop.wheels.resolve(
            requirements,
            python=_leading(versions["python3"]),
            glibc=_leading(versions["libc6"]),
        )


def _leading(version: str) -> str:
    """Return the first two numbers of a Debian version: `3.11.2-1+b1` is `3.11`."""
    match = re.match(r"(?:\d+:)?(\d+\.\d+)", version)
    return match[1] if match else version


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
    versions = {package.name: package.version for package in (*lock.packages, *lock.machine)}
    wheels = lock.python.wheels if lock.python else ()
    return versions | {f"{wheel.name} (Python)": wheel.version for wheel in wheels}
