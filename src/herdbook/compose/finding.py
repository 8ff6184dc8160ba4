"""Finds the Compose files of a folder, and the name of the application in them."""

import re
from collections.abc import Sequence
from pathlib import Path

from herdbook.core.errors import InvalidInputError, NotFoundError

FILE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""What a Compose file is called, the first one winning."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def find_files(folder: Path) -> tuple[Path, ...]:
    """Return a folder's Compose file and, where there is one, its override file after it.

    Raises NotFoundError.
    """
    for name in FILE_NAMES:
        if (folder / name).is_file():
            return (folder / name, *_overrides(folder, name))
    raise NotFoundError(
        f"There is no Compose file in {folder}",
        hint=f"It is called {FILE_NAMES[0]}; `herdbook init` begins a recipe, not an application.",
    )


def _overrides(folder: Path, name: str) -> list[Path]:
    stem = name.rpartition(".")[0]
    found = [folder / f"{stem}.override{ending}" for ending in (".yaml", ".yml")]
    return [path for path in found if path.is_file()][:1]


def files_of(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files that are meant: those named, and those of the folders that are named."""
    found: list[Path] = []
    for path in paths or (Path(),):
        found += find_files(path) if path.is_dir() else (path,)
    return tuple(found)


def checked_name(name: str, where: str = "") -> str:
    """Return an application's name that a person wrote; raises InvalidInputError."""
    if not _NAME.fullmatch(name):
        better = normalised_name(name)
        raise InvalidInputError(
            f"{name!r} is not a name for an application",
            hint=f"Write {better!r}." if better else "Use lower-case letters, digits, - and _.",
            where=where,
        )
    return name


def normalised_name(name: str) -> str:
    """Return what a folder's name makes for an application's; empty where nothing is left."""
    return re.sub(r"[^a-z0-9_-]", "", name.lower()).lstrip("_-")
