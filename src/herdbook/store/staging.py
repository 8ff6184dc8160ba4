"""Folders for work under way, gone when it ends, and swept up where it was killed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
        self.directory.mkdir(parents=True, exist_ok=True)
        outer = Path(tempfile.mkdtemp(dir=self.directory))
        with (outer / _LOCK).open("w") as alive:
            fcntl.flock(alive, fcntl.LOCK_EX)
            folder = outer / "work"
            folder.mkdir(mode=0o755)
            try:
                yield folder
            finally:
                shutil.rmtree(outer, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed programs left: a folder whose lock nobody holds."""
        for folder in self.directory.glob("*"):
            descriptor = _open(folder / _LOCK)
            if descriptor is None:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR)
    except OSError:  # made a moment ago and not locked yet, or just removed
        return None
