"""Folders for work under way, gone when it ends, and swept up where it was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

_LOCK = ".alive"


@dataclass(frozen=True)
class Staging:
    """Makes folders under `directory`; each holds a locked file for as long as it is in use."""

    directory: Path

    @contextmanager
    def __call__(self) -> Iterator[Path]:
        """Give a new empty folder for the duration of the block."""
        with ExitStack() as stack:
            with self._alone():
                outer = Path(tempfile.mkdtemp(dir=self.directory))
                stack.callback(_remove, outer)
                alive = stack.enter_context((outer / _LOCK).open("w"))
                fcntl.flock(alive, fcntl.LOCK_EX)
            folder = outer / "work"
            folder.mkdir(mode=0o755)
            yield folder

    def sweep(self) -> None:
        """Remove what killed programs left: a folder whose lock nobody holds."""
        with self._alone():
            for path in self._abandoned():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def abandoned(self) -> list[Path]:
        """Return what lies here and is nobody's any more, for `sweep` to remove."""
        with self._alone():
            return self._abandoned()

    def _abandoned(self) -> list[Path]:
        return [path for path in sorted(self.directory.iterdir()) if not _in_use(path)]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from making or sweeping folders, so that none is seen without its lock."""
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except BaseException:  # an interruption, which may come at any moment: begin again, then end
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _in_use(folder: Path) -> bool:
    try:
        with (folder / _LOCK).open() as alive:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False
