"""Keeps backups in a directory: another disk of this machine, or one that is mounted from afar."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from herdbook.core.errors import InvalidInputError, NoSpaceError, NotFoundError
from herdbook.core.whole_files import alone_with, write_whole
from herdbook.drivers.exchanging import sync_names
from herdbook.fleet.backups import LARGEST_BYTES, fitting, is_name, patiently, words_of

_OURS = "herdbook-backups"
"""All of it is ours: what killed writers left there may be removed."""

_WRITERS = ".writers"


def open_folder(address: str) -> "BackupFolder":
    """Return the backups in a directory; raises InvalidInputError for what is no absolute path.

    Raises NotFoundError for an absent directory: it may be one whose disk is not mounted.
    """
    folder = Path(address)
    if not folder.is_absolute():
        raise InvalidInputError(
            f"{address!r} is no absolute path", hint="Begin the directory's name with a slash."
        )
    if not folder.is_dir():
        raise NotFoundError(
            f"There is no directory {folder} for backups",
            hint="Mount what belongs there, or make a directory inside the mounted file system: "
            f"mkdir -p {folder}",
        )
    return BackupFolder(folder / _OURS)


class BackupFolder:
    """Implements the port `BackupStore` with a file for each name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def where(self) -> str:
        """The directory."""
        return str(self._folder)

    def names(self, folder: str) -> set[str]:
        """Return the files below; neither what is being written nor what is not ours has a name."""
        top = self._path(folder) if folder else self._folder
        with self._failures():
            return {str(each.relative_to(self._folder)) for each in _named(top)}

    def keep(self, name: str, content: bytes) -> None:
        """Write a file beside, and give it its name when it is on the disk."""
        path = self._path(name)
        with self._failures():
            _make_folder(path.parent)
            write_whole(path, content)
            sync_names(path.parent)

    def read(self, name: str) -> bytes:
        """Read a file."""
        path = self._path(name)
        with self._failures():
            try:
                with path.open("rb") as file:
                    content = file.read(LARGEST_BYTES + 1)
            except FileNotFoundError:
                raise NotFoundError(f"There is no {name} in {self._folder}") from None
        return fitting(name, content)

    def forget(self, name: str) -> None:
        """Remove a file."""
        with self._failures():
            self._path(name).unlink(missing_ok=True)

    @contextmanager
    def alone(self, folder: str = "", waits: Callable[[], None] = patiently) -> Iterator[None]:
        """Lock a file in the directory, and remove what killed writers left below the folder."""
        top = self._path(folder) if folder else self._folder
        with ExitStack() as stack:
            with self._failures():
                _make_folder(self._folder)
                lock = self._folder / _WRITERS
                stack.enter_context(alone_with(lock, waits))
                for place, _, names in os.walk(top, onerror=_unless_absent):
                    for each in (Path(place) / name for name in names if name.startswith(".")):
                        if each != lock:
                            each.unlink(missing_ok=True)
            yield

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*words_of(name))

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoSpaceError(f"There is no space left in {self._folder}") from error
            raise InvalidInputError(
                f"The directory {self._folder} for backups cannot be used: {error.strerror}",
                hint="See to it that it can be written, or name another one with --to.",
            ) from error


def _named(top: Path) -> Iterator[Path]:
    """Yield the files below whose names may be ours."""
    for place, folders, names in os.walk(top, onerror=_unless_absent):
        folders[:] = filter(is_name, folders)
        yield from (Path(place) / name for name in names if is_name(name))


def _unless_absent(error: OSError) -> None:
    """Raise what keeps a folder from being listed: it must not be taken for an empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_names(folder.parent)
