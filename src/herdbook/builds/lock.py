"""The lock: every input of a recipe pinned, so that it can be built again, offline too."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from herdbook.builds.locked_node import LockedNode
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.images.bases import LockedBase
from herdbook.packages.model import DIGEST_PATTERN, Frozen, LockedPackage, SignedIndex
from herdbook.recipes.catalogue import CATALOGUE_NAME
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile

PYTHON_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
PYTHON_VERSION = r"^[A-Za-z0-9.!+_-]+$"
SOURCE_FILE = r"^[A-Za-z0-9_.+!-]+\.tar\.gz$"


class LockedWheel(Frozen):
    """One Python wheel, pinned."""

    name: str = Field(pattern=PYTHON_NAME)
    version: str = Field(pattern=PYTHON_VERSION)
    file: str = Field(pattern=r"^[A-Za-z0-9_.+!-]+\.whl$")
    sha256: Digest = Field(pattern=DIGEST_PATTERN)


class LockedSource(Frozen):
    """One Python source distribution (PEP 625), pinned: a wheel is built from it."""

    name: str = Field(pattern=PYTHON_NAME)
    version: str = Field(pattern=PYTHON_VERSION)
    file: str = Field(pattern=SOURCE_FILE)
    sha256: Digest = Field(pattern=DIGEST_PATTERN)


class LockedPython(Frozen):
    """The Python part of a lock; `version` is the interpreter's, such as `3.11`.

    Wheels are built from `sources` with the `build_wheels`, which no image holds.
    """

    version: str = Field(pattern=r"^\d+\.\d+$")
    glibc: str = Field(pattern=r"^\d+\.\d+$")
    wheels: tuple[LockedWheel, ...]
    sources: tuple[LockedSource, ...] = ()
    build_wheels: tuple[LockedWheel, ...] = ()

    @property
    def packages(self) -> tuple[LockedWheel | LockedSource, ...]:
        """All that the image gets."""
        return (*self.wheels, *self.sources)

    @property
    def versions(self) -> dict[str, str]:
        """The versions of all that the image gets, by name."""
        return {each.name: each.version for each in self.packages}


class LockedTools(Frozen):
    """The packages of a root that is worked from and is part of no image."""

    suite: str = Field(min_length=1)
    indexes: tuple[SignedIndex, ...]
    packages: tuple[LockedPackage, ...] = Field(min_length=1)


class LockedParent(Frozen):
    """The version of another image of Herdbook that this one is made from."""

    image: str = Field(min_length=1)
    number: int = Field(ge=1)
    digest: Digest = Field(pattern=DIGEST_PATTERN)


class ArrangedLayer(Frozen):
    """The packages of one layer, by name."""

    name: str = Field(min_length=1)
    packages: tuple[str, ...] = Field(min_length=1)


class ArrangedVariant(Frozen):
    """How the packages of a variant were arranged: in which layers, installed in which steps."""

    layers: tuple[ArrangedLayer, ...]
    steps: tuple[tuple[str, ...], ...]


class Lock(Frozen):
    """A lock file's content.

    `inputs` is the digest of the part of the recipe that was locked: another digest there means
    that the lock is out of date. `suite` is empty where the image is made from a base that is no
    Debian. `packages` are those that the build installs in both variants, `machine` those that
    only a VM holds in addition, and `machine_has` the names of packages that the VM of the
    `parent` brings along already. `arranged` is empty in a recipe's lock; that of a built version
    says by variant what the layer plan made of its packages. Playbooks are played from the root of
    `ansible`, and Python's source distributions built in that of `python_tools`.
    """

    lock_format: Literal[1] = 1
    inputs: Digest = Field(pattern=DIGEST_PATTERN)
    suite: str
    indexes: tuple[SignedIndex, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    machine: tuple[LockedPackage, ...] = ()
    machine_has: tuple[str, ...] = ()
    parent: LockedParent | None = None
    base: LockedBase | None = None
    arranged: Mapping[str, ArrangedVariant] = {}
    python: LockedPython | None = None
    node: LockedNode | None = None
    ansible: LockedTools | None = None
    python_tools: LockedTools | None = None

    @model_validator(mode="after")
    def _a_suite_gives_packages(self) -> Self:
        if self.from_nothing and not self.packages:
            raise ValueError("the packages are missing")
        return self

    @property
    def from_nothing(self) -> bool:
        """Whether the image is made from packages alone, and from no other image."""
        return self.parent is None and self.base is None

    @property
    def digest(self) -> Digest:
        """What names this lock's content."""
        return digests.of_json(self.model_dump(mode="json"))


def is_answered(recipe: Recipe, lock: Lock) -> bool:
    """Tell whether a lock stands on what a recipe is made from: its suite, image or base."""
    parent = lock.parent.image if lock.parent else None
    base = lock.base.reference if lock.base else None
    if (parent, base) != (recipe.parent_image, recipe.base_reference):
        return False
    return recipe.suite in (None, lock.suite)


LOCKS_FOLDER = "locks"


def lock_path(recipe_file: RecipeFile, inputs: Digest) -> Path:
    """Return where a recipe's lock lies: beside it, under the same name.

    Those of a matrix share a folder, and equal wishes (`inputs`) share a lock: there may be a
    hundred thousand recipes, and few hundred sets of packages.
    """
    if not recipe_file.values:
        return recipe_file.path.with_suffix(".lock")
    return _in_matrix(recipe_file.folder, recipe_file.recipe.suite or "", inputs)


def lock_path_at(home: Path, lock: Lock) -> Path:
    """Return where a lock lies that was made for a recipe or a catalogue file."""
    if home.name != CATALOGUE_NAME:
        return home.with_suffix(".lock")
    return _in_matrix(home.parent, lock.suite if lock.from_nothing else "", lock.inputs)


def _in_matrix(folder: Path, suite: str, inputs: Digest) -> Path:
    name = f"{suite or 'on-image'}-{digests.hexadecimal(inputs)[:16]}.lock"
    return folder / LOCKS_FOLDER / name


def render(lock: Lock) -> str:
    """Render a lock for people's differences: stable order, one fact a line."""
    return json.dumps(lock.model_dump(mode="json", exclude_none=True), indent=1) + "\n"


def read_lock(path: Path) -> Lock:
    """Read a lock file; raises NotFoundError or InvalidInputError with what to do.

    Many recipes may share one: as long as the file looks the same, so is the lock.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise NotFoundError(f"There is no lock {path}", hint="Make it: herdbook lock") from None
    return _read_lock(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=256)
def _read_lock(path: Path, _state: tuple[int, ...]) -> Lock:
    try:
        return Lock.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NotFoundError(f"There is no lock {path}", hint="Make it: herdbook lock") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(
            f"The lock cannot be read: {place or 'the file'}: {first['msg']}",
            hint="Locks are not edited by hand. Make it again: herdbook lock",
            where=str(path),
        ) from error
