"""Shows published metadata as TUF's clients ask for it: by file names, and as a whole folder."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tuf.api.metadata import Targets

from herdbook.actions.publish_metadata import refresh
from herdbook.actions.read_metadata import Published
from herdbook.actions.workshop import Workshop
from herdbook.core.digests import Digest, hexadecimal
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.core.whole_files import write_whole
from herdbook.metadata.composing import GIVEN, given_by
from herdbook.metadata.model import ROOT, SNAPSHOT, TIMESTAMP, Document, Given
from herdbook.metadata.signing import read

_FILE = re.compile(r"(?:(?P<version>[1-9][0-9]{0,8})\.)?(?P<role>[a-z0-9][a-z0-9._-]*)\.json")
_TARGET = re.compile(
    r"(?P<digest>[0-9a-f]{64})\.[0-9a-f]\.(?P<path>[a-z0-9._+-]+)@(?P<channel>[a-z0-9._-]+)"
)
_PUBLIC = 0o644


def metadata_file(workshop: Workshop, name: str) -> bytes:
    """Return `timestamp.json`, or `2.targets.json`; raises NotFoundError for what is not there."""
    match = _FILE.fullmatch(name)
    if match is None or (match["version"] is None) != (match["role"] == TIMESTAMP):
        raise NotFoundError(f"There is no {name}")
    role, register = match["role"], workshop.metadata
    version = match["version"]
    found = register.find(role, int(version)) if version else register.newest(role)
    if found is None:
        raise NotFoundError(f"There is no {name}")
    return found.content


def target_file(workshop: Workshop, name: str, sees: Callable[[str], bool]) -> bytes:
    """Return the index of a version that a channel got, for who `sees` its image.

    Raises NotFoundError for all else, also for the index of a version that nobody has signed for.
    """
    match = _TARGET.fullmatch(name)
    image = match["path"].replace("+", "/") if match else ""
    given = _given(workshop, image, match["channel"]) if match and sees(image) else None
    if given is None or match is None or match["digest"] != hexadecimal(given.digest):
        raise NotFoundError(f"There is no {name}")
    return workshop.versions.document(given.digest).content


def _given(workshop: Workshop, image: str, channel: str) -> Given | None:
    published = Published(workshop)
    guarded = published.guarded(image, channel)
    listed = published.newest(guarded.list_role) if guarded else None
    return given_by(read(listed.content, Targets).signed, image, channel) if listed else None


def export_metadata(workshop: Workshop, folder: Path) -> list[str]:
    """Write all that clients ask for as files, which any web server can give out.

    The timestamp comes last, so that a copy that is made meanwhile fits together. Raises
    NotFoundError where nothing is published, ConflictError where something else is in the way.
    """
    refresh(workshop)
    if workshop.metadata.newest(TIMESTAMP) is None:
        raise NotFoundError(
            "Nothing is published yet", hint="See what is missing: herdbook metadata show"
        )
    if folder.exists() and not folder.is_dir():
        raise ConflictError(f"{folder} is no folder", hint="Name another one.")
    written = [*_targets(workshop, folder), *_documents(workshop, folder)]
    return [str(each.relative_to(folder)) for each in written]


def _documents(workshop: Workshop, folder: Path) -> Iterator[Path]:
    register = workshop.metadata
    versions = register.versions()
    last = versions.pop(TIMESTAMP)
    for role, version in versions.items():
        kept = register.history(ROOT) if role == ROOT else [register.find(role, version)]
        for each in filter(None, kept):
            name = f"{each.version}.{role}.json"
            yield _written(folder / "metadata" / name, each.content)
    newest = register.find(TIMESTAMP, last)
    if newest is not None:
        yield _written(folder / "metadata" / f"{TIMESTAMP}.json", newest.content)


def _targets(workshop: Workshop, folder: Path) -> Iterator[Path]:
    for document in _lists(workshop):
        for path, target in read(document.content, Targets).signed.targets.items():
            if target.custom and GIVEN in target.custom:
                digest = Digest(f"sha256:{target.hashes['sha256']}")
                name = f"{hexadecimal(digest)}.{path}"
                content = workshop.versions.document(digest).content
                yield _written(folder / "targets" / name, content)


def _lists(workshop: Workshop) -> Iterator[Document]:
    for role in workshop.metadata.versions():
        if role not in {ROOT, SNAPSHOT, TIMESTAMP}:
            found = workshop.metadata.newest(role)
            if found is not None:
                yield found


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content, _PUBLIC)
    return path
