"""Provides the one program that Debian 12 has too old: mkfs.erofs, from the next suite."""

import re
from pathlib import Path

from herdbook.builds.ports import Sandbox
from herdbook.builds.roots import make_skeleton
from herdbook.core import digests
from herdbook.core.errors import MissingToolError
from herdbook.core.progress import Progress
from herdbook.drivers import process
from herdbook.drivers.rendering import ProgramRenderer, Tool
from herdbook.packages.ports import Archive
from herdbook.packages.suites import SUITES
from herdbook.store.staging import Staging

_NEEDED = (1, 8)
"""The first erofs-utils that take a tar."""

_SUITE = SUITES["trixie"]
_PROGRAM = "usr/bin/mkfs.erofs"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_LOADER = "usr/lib64/ld-linux-x86-64.so.2"


def provide_renderer(
    archive: Archive, sandbox: Sandbox, staging: Staging, directory: Path, progress: Progress
) -> ProgramRenderer:
    """Return a renderer with this machine's mkfs.erofs, or with one from a verified package.

    The foreign one is started through its own loader and libraries; nothing is installed.
    """
    tool = (
        installed_tool()
        or _unpacked(directory)
        or _fetched(archive, sandbox, staging, directory, progress)
    )
    return ProgramRenderer(tool, epoch_seconds=_SUITE.epoch)


def installed_tool() -> Tool | None:
    """Return this machine's mkfs.erofs if it is there and new enough."""
    try:
        program = process.find("mkfs.erofs")
    except MissingToolError:
        return None
    return Tool((program,)) if _version((program,)) >= _NEEDED else None


def _unpacked(directory: Path) -> Tool | None:
    for root in sorted(directory.glob("erofs-*")):
        tool = _through_loader(root)
        if _version(tool.arguments) >= _NEEDED:
            return tool
    return None


def _fetched(
    archive: Archive, sandbox: Sandbox, staging: Staging, directory: Path, progress: Progress
) -> Tool:
    progress.say(f"This machine's mkfs.erofs is too old: taking that of {_SUITE.name}")
    resolution = archive.resolve(_SUITE, [["erofs-utils"]], progress, essential=False)
    packages = resolution.sets[0]
    archive.fetch(packages, progress)
    name = digests.short(digests.of_json(sorted(package.sha256 for package in packages)))
    root = directory / f"erofs-{name}"
    with staging() as folder:
        incoming = folder / "root"
        make_skeleton(incoming)
        sandbox.unpack([archive.kept(package) for package in packages], incoming)
        directory.mkdir(parents=True, exist_ok=True)
        if not root.exists():  # somebody else may have been quicker
            incoming.rename(root)
    tool = _through_loader(root)
    if _version(tool.arguments) < _NEEDED:
        raise MissingToolError(
            "The mkfs.erofs that was fetched does not start here",
            hint="Install erofs-utils 1.8 or newer on this machine.",
        )
    return tool


def _through_loader(root: Path) -> Tool:
    return Tool(
        (
            str(root / _LOADER),
            *("--library-path", str(root / _LIBRARIES)),
            str(root / _PROGRAM),
        )
    )


def _version(command: tuple[str, ...]) -> tuple[int, ...]:
    try:
        result = process.run([*command, "--version"])
    except (MissingToolError, OSError):
        return (0,)
    match = re.search(r"(\d+)\.(\d+)", result.output + result.errors)
    return (int(match[1]), int(match[2])) if match else (0,)
