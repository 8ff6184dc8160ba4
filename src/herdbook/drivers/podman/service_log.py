"""Reads what a service wrote from its container's log file, even while that is removed."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.drivers.line_files import follow_lines
from herdbook.drivers.podman import command
from herdbook.drivers.process_identity import identify, is_alive

_WHOLE_LINE = "F"


def service_lines(container: str, clock: Clock, *, follow: bool) -> Iterator[str]:
    """Yield the lines a container's service wrote; with `follow`, until nobody writes any more.

    Raises NotFoundError at once where there is no such container.
    `podman logs --follow` may miss a service's last words when its container is then removed.
    """
    (document,) = json.loads(command.call(["container", "inspect", container]))
    # Whatever the service wrote before its end, this process has yet to put into the file.
    writer = identify(document["State"]["ConmonPid"]) if document["State"]["Running"] else None
    path = Path(document["HostConfig"]["LogConfig"]["Path"])
    return joined_lines(
        follow_lines(path, lambda: follow and writer is not None and is_alive(writer), clock)
    )


def joined_lines(entries: Iterable[str]) -> Iterator[str]:
    """Yield the lines that the entries of a log in the format `k8s-file` are made of.

    An entry is `TIME STREAM F TEXT`, or has `P` where more of the line follows.
    """
    begun: dict[str, str] = {}
    for entry in entries:
        _, stream, tag, text = entry.split(" ", 3)
        begun[stream] = begun.get(stream, "") + text
        if tag == _WHOLE_LINE:
            yield begun.pop(stream)
    yield from begun.values()
