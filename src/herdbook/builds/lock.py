"""The lock: every input of a recipe pinned, so that it can be built again, offline too."""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.packages.model import DIGEST_PATTERN, Frozen, LockedPackage, SignedIndex


class LockedWheel(Frozen):
    """One Python wheel, pinned."""

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    version: str = Field(pattern=r"^[A-Za-z0-9.!+_-]+$")
    file: str = Field(pattern=r"^[A-Za-z0-9_.+!-]+\.whl$")
    sha256: Digest = Field(pattern=DIGEST_PATTERN)


class LockedPython(Frozen):
    """The Python part of a lock; `version` is the interpreter's, such as `3.11`."""

    version: str = Field(pattern=r"^\d+\.\d+$")
    glibc: str = Field(pattern=r"^\d+\.\d+$")
    wheels: tuple[LockedWheel, ...]


class Lock(Frozen):
    """A lock file's content.

    `inputs` is the digest of the part of the recipe that was locked: another digest there means
    that the lock is out of date. `machine` lists only what a VM holds in addition.
    """

    lock_format: Literal[1] = 1
    inputs: Digest = Field(pattern=DIGEST_PATTERN)
    suite: str
    indexes: tuple[SignedIndex, ...]
    packages: tuple[LockedPackage, ...] = Field(min_length=1)
    machine: tuple[LockedPackage, ...] = ()
    python: LockedPython | None = None

    @property
    def digest(self) -> Digest:
        """What names this lock's content."""
        return digests.of_json(self.model_dump(mode="json"))


def lock_path(recipe: Path) -> Path:
    """Return where a recipe's lock lies: beside it, under the same name."""
    return recipe.with_suffix(".lock")


def render(lock: Lock) -> str:
    """Render a lock for people's differences: stable order, one fact a line."""
    return json.dumps(lock.model_dump(mode="json", exclude_none=True), indent=1) + "\n"


def read_lock(path: Path) -> Lock:
    """Read a lock file; raises NotFoundError or InvalidInputError with what to do."""
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
