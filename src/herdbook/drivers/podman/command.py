"""Calls Podman and turns what it complains about into our errors."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore

from herdbook.core.errors import (
    ConflictError,
    EngineError,
    HerdbookError,
    NoSpaceError,
    NotFoundError,
)
from herdbook.drivers import process
from herdbook.drivers.process import Result

_PORT_TAKEN = re.compile(r"address already in use|port is already allocated")
_NAME_TAKEN = re.compile(r"name .* is already in use")

PODMAN = ("podman", "--log-level=error")
"""How Podman is called: its warnings about the machine are not what a service wrote."""

AT_ONCE = BoundedSemaphore(min(os.cpu_count() or 1, 4))
"""How many containers are made or removed at once: more would wait for Podman's locks.

Or for a processor: all are there no sooner, and what serves meanwhile answers later.
"""


def call(arguments: Sequence[str | Path], *, directory: Path | None = None) -> str:
    """Run `podman ARGUMENTS` and return its output; raises what `as_error` makes of a failure."""
    result = attempt(arguments, directory=directory)
    if not result.succeeded:
        raise as_error(result)
    return result.output


def attempt(
    arguments: Sequence[str | Path],
    *,
    directory: Path | None = None,
    limit_seconds: float = process.DEFAULT_LIMIT_SECONDS,
) -> Result:
    """Run `podman ARGUMENTS` where a failure is an answer too."""
    return process.run([*PODMAN, *arguments], directory=directory, limit_seconds=limit_seconds)


def as_error(result: Result) -> HerdbookError:
    """Tell what is taken, absent or full from all else that can fail."""
    words = complaint(result)
    if _PORT_TAKEN.search(words):
        return ConflictError(f"A port is already in use: {words}")
    if _NAME_TAKEN.search(words):
        return ConflictError(
            f"The name is already in use: {words}", hint="Stop it first, or take another name."
        )
    if "no such container" in words:
        return NotFoundError(f"The instance is not there (any more): {words}")
    if "image not known" in words:
        return NotFoundError(f"The image is not there (any more): {words}")
    if "no space left on device" in words:
        return NoSpaceError(f"The disk is full: {words}", hint="Make room: podman image prune")
    return EngineError(f"Podman failed: {words}")


def complaint(result: Result) -> str:
    """Return what Podman said went wrong."""
    return " ".join(result.errors.split()).removeprefix("Error: ") or result.last_words
