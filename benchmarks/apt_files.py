"""What Herdbook's state holds for apt, in the forms that other tools take."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def sources(state: Path, suite: str) -> list[str]:
    """Return the lines of a sources.list for what a suite was read from."""
    text = (state / f"archive/apt/{suite}/sources.sources").read_text()
    lines = []
    for paragraph in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines())
        lines += [f"deb {fields['URIs']} {name} main" for name in fields["Suites"].split()]
    return lines


def lay_out_debs(state: Path, packages: Iterable[Mapping[str, Any]], folder: Path) -> None:
    """Copy kept packages into a folder, under the names apt gives them; each once."""
    for each in packages:
        kept = state / "archive/debs" / f"{each['sha256'].partition(':')[2]}.deb"
        version = each["version"].replace(":", "%3a")
        target = folder / f"{each['name']}_{version}_{each['architecture']}.deb"
        if not target.exists():
            shutil.copyfile(kept, target)
