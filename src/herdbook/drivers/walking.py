"""Walks through directories, however deep they are."""

import stat
from collections.abc import Iterator
from pathlib import Path


def walk(path: Path) -> Iterator[Path]:
    """Yield the path itself and all below, in an order that depends on names alone.

    No link is followed. Sockets are left out: without the program that listened on one, it is
    nothing, and no archive takes it.
    """
    waiting = [path]
    while waiting:
        each = waiting.pop()
        mode = each.lstat().st_mode
        if stat.S_ISSOCK(mode):
            continue
        yield each
        if stat.S_ISDIR(mode):
            waiting += sorted(each.iterdir(), reverse=True)
