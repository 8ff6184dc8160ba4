"""Remembers what was found out about this machine until it is restarted or a program changes."""

import json
from pathlib import Path

from herdbook.core.whole_files import write_whole
from herdbook.drivers import process

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return the kernel's name for the time since this machine was started."""
    return _BOOT_ID.read_text(encoding="ascii").strip()


def program_stamp(program: str) -> str:
    """Return what changes where another version is installed: asking for its version is slow.

    Raises MissingToolError where none is installed.
    """
    found = Path(process.find(program)).stat()
    return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"


def recall(path: Path, version: str) -> tuple[str, ...] | None:
    """Return what was found out for this boot and program `version`, or None if nothing was."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if document.get("boot_id") != boot_id() or document.get("version") != version:
        return None
    return tuple(document["found"])


def remember(path: Path, version: str, found: tuple[str, ...]) -> None:
    """Keep what was found out; a reader never sees half of it."""
    document = {"boot_id": boot_id(), "version": version, "found": list(found)}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(document, indent=2) + "\n").encode())
