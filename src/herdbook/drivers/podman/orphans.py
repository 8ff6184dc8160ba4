"""Ends what a start that was killed has left of a container that Podman does not know."""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from herdbook.drivers.process_identity import has_ended, identify, kill

_MONITOR = "conmon"
_TRIES = 10
_PAUSE_SECONDS = 0.1


def end_orphans(container: str) -> None:
    """End the processes of a container that was just removed, by its name.

    Where Podman is killed between creating a container and noting that, the container's first
    process waits for its start for ever, with namespaces, and the monitor waits for that process.
    """
    for monitor in map(identify, list(_monitors(container))):
        if monitor is None:
            continue
        for _ in range(_TRIES):
            for child in map(identify, _children(monitor.number)):
                if child:
                    kill(child)
            if has_ended(monitor, _PAUSE_SECONDS):
                break
        kill(monitor)


def _monitors(container: str) -> Iterator[int]:
    """Yield who watches a container of that name: Podman tells the monitor by `-n` (conmon(8))."""
    words = (b"-n", os.fsencode(container))
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            line = (process / "cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(line[0])).name == _MONITOR and words in pairwise(line):
                yield int(process.name)


def _children(number: int) -> list[int]:
    """Return whom a process has started, in any of its threads (proc(5), `children`)."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{number}/task").iterdir():
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found
