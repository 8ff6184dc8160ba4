"""Imports advisories from a file or an address, and holds all components against them."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.progress import Task
from herdbook.people.acts import Act
from herdbook.trust.advisories import Advisory
from herdbook.trust.feeds import FeedKind, read_feed
from herdbook.trust.ports import FeedOrigin, Import
from herdbook.trust.unpacking import is_archive

LARGEST_BYTES = 1 << 30
"""What is read of a file or an address; the largest feed there is, npm's, has some 200 MB."""

_FILE = re.compile(r"file://(localhost)?(?=/)")
_STEP = 1000


def import_advisories(workshop: Workshop, place: str, largest_bytes: int = LARGEST_BYTES) -> Import:
    """Import a feed from a path, a `file://` or an HTTP address, all of it or nothing.

    Raises NotFoundError, NetworkError, and InvalidInputError for what is no feed or is damaged.
    """
    require_role(workshop, Act.IMPORT_ADVISORIES)
    content, name = _read(workshop, place, largest_bytes)
    digest = digests.of_bytes(content)
    several = is_archive(content) and _members(content) > 1
    with workshop.progress.task(f"Importing {name}") as task:
        feed = read_feed(content, name)
        del content
        whole = feed.kind is FeedKind.DEBIAN or (several and feed.kind is FeedKind.OSV)
        origin = FeedOrigin(name, digest, workshop.clock.now(), whole=whole)
        counted = replace(feed, advisories=_counted(feed.advisories, task, name))
        return workshop.advisories.import_feed(counted, origin)


def _read(workshop: Workshop, place: str, largest_bytes: int) -> tuple[bytes, str]:
    """Return the bytes at a place, and what to call it."""
    if _FILE.match(place):
        return _read_file(Path(_unquoted(_FILE.sub("", place))), largest_bytes)
    if "://" not in place:
        return _read_file(Path(place), largest_bytes)
    with workshop.staging() as folder:
        fetched = folder / "feed"
        with workshop.progress.task("Fetching advisories", unit="bytes") as task:
            name = workshop.feeds.fetch(place, fetched, largest_bytes, task)
        return fetched.read_bytes(), name


def _read_file(path: Path, largest_bytes: int) -> tuple[bytes, str]:
    name = str(path.absolute()).encode(errors="backslashreplace").decode()
    try:
        with path.open("rb") as file:
            content = file.read(largest_bytes + 1)
    except FileNotFoundError as error:
        raise NotFoundError(
            "There is no such file of advisories", hint="Check the path for typos.", where=name
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInputError(
            f"This file cannot be read: {reason}", hint="Name a file of advisories.", where=name
        ) from error
    if len(content) > largest_bytes:
        raise InvalidInputError(
            f"This is larger than any feed of advisories ({largest_bytes >> 20} MiB)",
            hint="Check what it is.",
            where=name,
        )
    return content, name


def _unquoted(path: str) -> str:
    """Return what an address writes as `%20` and the like."""
    plain = re.sub(
        rb"%([0-9A-Fa-f]{2})",
        lambda found: bytes.fromhex(found[1].decode()),
        path.encode(errors="surrogateescape"),
    )
    return plain.decode(errors="surrogateescape")


def _members(content: bytes) -> int:
    """Return how many files of advisories an archive holds; none if it is damaged."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return sum(name.endswith(".json") for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return 0


def _counted(advisories: Iterable[Advisory], task: Task, name: str) -> Iterator[Advisory]:
    for count, advisory in enumerate(advisories, 1):
        if count % _STEP == 0:
            task.describe(f"Importing {name}: {count} advisories")
        yield advisory
