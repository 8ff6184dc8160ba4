"""Bundles: the recipe, the lock and the files that an image is made from, as one canonical tar."""

import errno
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from herdbook.builds.arrangement import arrangement_in
from herdbook.builds.lock import Lock, render
from herdbook.builds.patching import as_in_recipes
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import Source, collect_below, collect_named
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.layers.tree import Kind
from herdbook.packages.model import DIGEST_PATTERN
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile, read_recipe

LOCK_NAME = "lock.json"
"""The lock of a built version: it says how its packages were arranged."""

_SOURCE = "source"
"""The folder that is as the recipe's own."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)

_PACK = "Write it again where the version was built: herdbook proposal pack IMAGE FILE"
_CONTENTS_NAME = "bundle.json"


class Contents(BaseModel):
    """What a bundle says of itself: which file in its folder is the recipe.

    `built` is the digest of what whoever sent it has built of it, empty where they do not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle_format: Literal[1] = 1
    recipe: Annotated[str, Field(pattern=r"^[^/\x00]+\.yaml$")]
    built: Annotated[str, Field(pattern=rf"^$|{DIGEST_PATTERN}")] = ""


@dataclass(frozen=True)
class Bundle:
    """Everything that a version is made from, as it is now: `texts` and `files` by their names."""

    texts: Mapping[str, str]
    files: Mapping[str, Source]

    def write(self, target: BinaryIO) -> None:
        """Write it as a tar, by content alone; raises InvalidInputError for what went meanwhile.

        Nothing of this machine is in it: no owner, no time, no umask. What changed while it is
        written is seen when it is held against what it should make.
        """
        names = sorted({*self.texts, *self.files})
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in names:
                if name in self.texts:
                    content = self.texts[name].encode()
                    tar.addfile(_file(name, len(content), 0o644), BytesIO(content))
                else:
                    _add(tar, name, self.files[name])


def bundle_of(recipe_file: RecipeFile, lock: Lock, built: str = "") -> Bundle:
    """Return the bundle of a recipe and the lock of a version that was built of it.

    Raises as `sources.collect`.
    """
    name = _recipe_name(recipe_file)
    files = collect_named(recipe_file)
    for playbook in read_playbooks(recipe_file).values():
        folder = PurePosixPath(playbook.step.ansible).parent
        files |= {str(folder / each.target): each for each in playbook.sources}
    for each in _named_files(recipe_file.recipe):
        files |= collect_below(recipe_file.folder, os.path.normpath(each), str(recipe_file.path))
    inside = {f"{_SOURCE}/{each}": source for each, source in files.items() if each}
    texts = {
        _CONTENTS_NAME: Contents(recipe=name, built=built).model_dump_json() + "\n",
        LOCK_NAME: render(lock),
        f"{_SOURCE}/{name}": recipe_file.written,
        f"{_SOURCE}/{PurePosixPath(name).with_suffix('.lock')}": render(as_in_recipes(lock)),
    }
    return Bundle(texts, {each: inside[each] for each in inside if each not in texts})


def recipe_in(folder: Path) -> RecipeFile:
    """Return the recipe of a bundle that was unpacked; raises VerificationError for none."""
    return read_recipe(folder / _SOURCE / contents_in(folder).recipe)


def contents_in(folder: Path) -> Contents:
    """Return what a bundle that was unpacked says of itself; raises VerificationError for none."""
    try:
        return Contents.model_validate_json((folder / _CONTENTS_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise VerificationError("That is no bundle of sources", hint=_PACK) from error


def lock_in(folder: Path) -> Lock:
    """Return the lock of a bundle that was unpacked; raises VerificationError for none."""
    try:
        lock = Lock.model_validate_json((folder / LOCK_NAME).read_bytes())
        arrangement_in(lock)
    except (OSError, ValueError, KeyError) as error:
        raise VerificationError("There is no lock in the bundle", hint=_PACK) from error
    return lock


def _recipe_name(recipe_file: RecipeFile) -> str:
    """Return what the recipe is called in its folder; one of a matrix by its image."""
    if recipe_file.values:
        return f"{recipe_file.recipe.image.replace('/', '-')}.yaml"
    return recipe_file.path.with_suffix(".yaml").name


def _named_files(recipe: Recipe) -> list[str]:
    python = [recipe.python.requirements] if recipe.python else []
    return [*python, *([recipe.node.lock] if recipe.node else [])]


def _add(tar: tarfile.TarFile, name: str, source: Source) -> None:
    if source.kind is Kind.DIRECTORY:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(info)
    elif source.kind is Kind.SYMLINK:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, source.link, 0o777
        tar.addfile(info)
    else:
        _add_file(tar, name, source)


def _add_file(tar: tarfile.TarFile, name: str, source: Source) -> None:
    try:
        with source.path.open("rb") as content:
            tar.addfile(_file(name, source.size, source.mode), content)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
        raise InvalidInputError(
            f"{source.path} was changed while it was read", hint="Run the same command again."
        ) from error


def _file(name: str, size_bytes: int, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size_bytes, mode
    return info
