"""What the `files` step takes from the recipe's folder, without ever leaving it."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.layers.tree import Kind
from herdbook.recipes.model import FileStep
from herdbook.recipes.reading import RecipeFile

_LEFT_OUT = frozenset({"__pycache__", ".git"})


@dataclass(frozen=True)
class Source:
    """One file, link or folder to be taken, and the path it is meant for in the image."""

    path: Path
    target: str
    owner: str
    mode: int
    kind: Kind
    link: str = ""
    size: int = 0
    digest: digests.Digest | None = None

    def identity(self) -> list[object]:
        """Return all that makes a difference to the image."""
        return [self.target, self.owner, self.mode, self.kind.value, self.link, self.digest]


def collect(recipe_file: RecipeFile) -> list[Source]:
    """Return everything the recipe's `files` names, hashed, sorted by target.

    Links are taken as links and never followed. Modes become 755 or 644 by the owner's execute
    bit, so that a umask makes no difference. Raises NotFoundError for what is not there, and
    InvalidInputError for a path or a link that leaves the recipe's folder, or a special file.
    """
    sources: dict[str, Source] = {}
    for number, step in enumerate(recipe_file.recipe.files):
        sources |= _taken(recipe_file.folder, step, recipe_file.where("files", number, "from"))
    sources.pop("", None)
    return [sources[target] for target in sorted(sources)]


def collect_named(recipe_file: RecipeFile) -> dict[str, Source]:
    """Return the same, but by the paths in the recipe's folder, as the recipe has them."""
    found: dict[str, Source] = {}
    for number, step in enumerate(recipe_file.recipe.files):
        name, where = os.path.normpath(step.from_), recipe_file.where("files", number, "from")
        way = [Path(name), *Path(name).parents]
        if any((recipe_file.folder / each).is_symlink() for each in way):
            raise InvalidInputError(
                f"{step.from_!r} is or goes through a link, which cannot be sent",
                hint="Name what the link leads to.",
                where=where,
            )
        found |= collect_below(recipe_file.folder, "" if name == "." else name, where)
    return found


def collect_below(folder: Path, name: str, where: str) -> dict[str, Source]:
    """Return everything at or below a path in a folder, by its path there; raises as `collect`."""
    step = FileStep.model_construct(from_=name or ".", to=f"/{name}", owner="root", mode=None)
    return _taken(folder, step, where)


def collect_folder(folder: Path, name: str, where: str) -> list[Source]:
    """Return everything in a folder within the recipe's, by the same rules, as targets below it."""
    sources = _taken(folder, FileStep.model_validate({"from": name, "to": "/"}), where)
    sources.pop("", None)
    return [sources[target] for target in sorted(sources)]


def _taken(folder: Path, step: FileStep, where: str) -> dict[str, Source]:
    try:
        start = _inside(folder, step.from_, where)
        found = [
            _source(path, target, step, start, where)
            for path, target in _below(start, step.to.lstrip("/"))
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return {source.target: source for source in pool.map(_hashed, found)}
    except OSError as error:
        raise InvalidInputError(
            f"{error.filename} cannot be read: {error.strerror}", where=where
        ) from error


def _inside(folder: Path, name: str, where: str) -> Path:
    path = folder / name
    if not path.exists():
        raise NotFoundError(
            f"There is no {name!r} to put into the image",
            hint=f"Paths are relative to the recipe's folder, {folder.absolute()}.",
            where=where,
        )
    real = path.resolve()
    if Path(name).is_absolute() or not real.is_relative_to(folder.resolve()):
        raise InvalidInputError(
            f"{name!r} leads out of the recipe's folder",
            hint="Copy what the image needs into the folder beside the recipe.",
            where=where,
        )
    return real


def _below(start: Path, target: str) -> Iterator[tuple[Path, str]]:
    yield start, target
    if not start.is_dir():
        return
    for directory, folders, files in os.walk(start, onerror=_fail):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        for name in (*folders, *files):
            path = Path(directory) / name
            inner = path.relative_to(start).as_posix()
            yield path, f"{target}/{inner}" if target else inner


def _fail(error: OSError) -> None:
    raise error


def _source(path: Path, target: str, step: FileStep, start: Path, where: str) -> Source:
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        return Source(path, target, step.owner, 0o755, Kind.DIRECTORY)
    if stat.S_ISLNK(status.st_mode):
        link = _harmless_link(path, start, where)
        return Source(path, target, step.owner, 0o777, Kind.SYMLINK, link=link)
    if not target:
        raise InvalidInputError(
            f"{step.from_!r} is no folder and cannot be / itself",
            hint=f"Name the file, such as /{path.name}.",
            where=where,
        )
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError(
            f"{path.name!r} is neither a file nor a folder nor a link", where=where
        )
    mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
    if step.mode is not None:
        mode = int(step.mode, 8)
    return Source(path, target, step.owner, mode, Kind.FILE, size=status.st_size)


def _hashed(source: Source) -> Source:
    if source.kind is not Kind.FILE:
        return source
    status = source.path.stat()
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return replace(source, digest=_digest(source.path, state))


@lru_cache(maxsize=1 << 16)
def _digest(path: Path, _state: tuple[int, ...]) -> digests.Digest:
    """Hash a file once a run, as long as it looks the same.

    A change that does not show is found later: a layer is read back and compared with its tree.
    """
    return digests.of_file(path)


def _harmless_link(path: Path, start: Path, where: str) -> str:
    """Return a link's text if it stays inside what is copied with it."""
    link = os.readlink(path)  # noqa: PTH115 - pathlib would tidy `./x` and `x/` up
    reached = os.path.normpath(path.parent / link)
    if Path(link).is_absolute() or not Path(reached).is_relative_to(start):
        raise InvalidInputError(
            f"The link {path.name!r} leads to {link!r}, outside of what is copied",
            hint="Replace it by what it points to, or by a relative link within the folder.",
            where=where,
        )
    return link
