"""Gives a folder for what is being fetched to one process at a time, whatever killed ones left."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herdbook.drivers.claims import claim


@contextmanager
def incoming(directory: Path) -> Iterator[Path]:
    """Give a new empty folder below `directory`, on the same file system; waits for others."""
    with claim(directory / ".claim"):
        folder = directory / ".incoming"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
