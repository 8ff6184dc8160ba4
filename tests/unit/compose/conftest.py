"""Writes Compose files into a folder of a test's own, and reads them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from herdbook.compose.model import Reading
from herdbook.compose.reading import read_application

Write = Callable[[Mapping[str, str]], Path]
Read = Callable[..., Reading]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes files, given by their paths, and gives the folder back."""

    def write_files(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "shop" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return tmp_path / "shop"

    return write_files


@pytest.fixture
def read(write: Write) -> Read:
    """Return what reads an application from the text of its one file, or of several by name."""

    def read_files(files: str | Mapping[str, str], **options: Any) -> Reading:
        folder = write({"compose.yaml": files} if isinstance(files, str) else files)
        return read_application([folder], **{"environment": {}, **options})

    return read_files
