"""Finds out whether a container, or whoever else has mounts of its own, mounts a directory."""

import os
import re
from pathlib import Path

_ESCAPED = re.compile(r"\\([0-7]{3})")


def mounted_elsewhere(directory: Path) -> int | None:
    """Return a process in another mount namespace where the directory is mounted, or None.

    Told by what the mount shows, not by its name: an engine may have resolved links in the path.
    """
    try:
        wanted = directory.stat()
    except FileNotFoundError:
        return None
    device = f"{os.major(wanted.st_dev)}:{os.minor(wanted.st_dev)}"
    for process, mounts in _namespaces():
        for line in mounts:
            fields = line.split(" ")
            place = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[4])
            if fields[2] == device and _is_same(Path(f"/proc/{process}/root{place}"), wanted):
                return process
    return None


def _namespaces() -> list[tuple[int, list[str]]]:
    """Return a process and the mounts (proc(5), mountinfo) of each mount namespace but ours."""
    seen = {Path("/proc/self/ns/mnt").readlink()}
    found = []
    for process in (path for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            namespace = (process / "ns" / "mnt").readlink()
            if namespace in seen:
                continue
            mounts = (process / "mountinfo").read_text("utf-8", "surrogateescape")
        except OSError:  # it has just ended, or is not ours to look at
            continue
        seen.add(namespace)
        found.append((int(process.name), mounts.splitlines()))
    return found


def _is_same(path: Path, wanted: os.stat_result) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
