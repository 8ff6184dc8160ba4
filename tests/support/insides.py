"""Builds two versions of a package and reads them, for tests of the rules of a rebase."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from debs import build_deb

from herdbook.campaigns.closure import Change
from herdbook.campaigns.conditions import Condition, Finding
from herdbook.campaigns.inside import Inside, read_inside
from herdbook.campaigns.package_rules import judge_package

Files = Mapping[str, bytes | str]
OLD, NEW = "1.0-1", "1.0-1+deb12u1"
FOLDER = "usr/lib/x86_64-linux-gnu"


def real_library() -> bytes:
    """A library of this machine; Python itself needs it."""
    return next(
        path.read_bytes()
        for folder in (Path("/usr/lib"), Path("/lib"))
        for path in sorted(folder.glob("*-linux-gnu/libz.so.1"))
    )


def renamed(library: bytes, before: bytes, after: bytes) -> bytes:
    """The library with another symbol, or another name of its own, of the same length."""
    assert len(before) == len(after)
    assert b"\0" + before + b"\0" in library
    return library.replace(b"\0" + before + b"\0", b"\0" + after + b"\0")


@dataclass(frozen=True)
class Packages:
    """Packages that are built in a folder."""

    folder: Path

    def inside(
        self,
        files: Files = {},  # noqa: B006 - never changed
        *,
        name: str = "thing",
        version: str = OLD,
        architecture: str = "amd64",
        more: str = "",
    ) -> Inside:
        self.folder.mkdir(exist_ok=True)
        folder = self.folder / str(len(list(self.folder.iterdir())))
        folder.mkdir()
        deb = build_deb(folder, name, files, version=version, architecture=architecture, more=more)
        return read_inside(deb)

    def change(self, old: Files, new: Files, more: tuple[str, str] = ("", "")) -> Change:
        return Change(self.inside(old, more=more[0]), self.inside(new, version=NEW, more=more[1]))


def said(change: Change, condition: Condition) -> Finding:
    """What the package rules find of one condition."""
    found = {each.condition: each for each in judge_package(change.old, change.new)}
    return found[condition]
