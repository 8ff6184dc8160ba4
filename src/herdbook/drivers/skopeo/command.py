"""Calls skopeo: the host's signature policy, credentials and mirrors hold, and nothing else.

Where the host has no policy for signatures, none is checked: what is fetched is pinned by digest,
and a lock says which digest that is.
"""

from collections.abc import Sequence
from pathlib import Path

from herdbook.core.errors import HerdbookError, TimeoutExpiredError
from herdbook.drivers import process
from herdbook.drivers.skopeo.failures import failure, too_slow
from herdbook.drivers.skopeo.sources import Source
from herdbook.images.documents import ARCHITECTURE

_INSPECT_LIMIT_SECONDS = 120.0
_COPY_LIMIT_SECONDS = 3600.0
_SYSTEM_POLICY = Path("/etc/containers/policy.json")
_USER_POLICY = Path(".config/containers/policy.json")


def inspect(source: Source, *, config: bool = False) -> bytes:
    """Return the document an image's name stands for, or its configuration, byte by byte."""
    kind = ["--config"] if config else []
    tls = [] if source.needs_certificate else ["--tls-verify=false"]
    command = ["inspect", "--raw", *kind, *tls, source.address]
    return _call(command, source, _INSPECT_LIMIT_SECONDS).encode()


def tags(source: Source, repository: str) -> list[str]:
    """Return the tags of a repository, none where it does not say."""
    tls = [] if source.needs_certificate else ["--tls-verify=false"]
    command = ["list-tags", *tls, f"docker://{repository}"]
    try:
        said = _call(command, source, _INSPECT_LIMIT_SECONDS)
    except HerdbookError:
        return []
    return [line.strip(' ",') for line in said.partition('"Tags"')[2].splitlines()[1:]]


def copy(source: Source, place: Path) -> Path:
    """Copy an image for linux/amd64 below `place`; return the folder with its blobs by digest.

    Blobs arrive as they are: compression and manifest stay what they were.
    """
    target = place / "image"
    tls = [] if source.needs_certificate else ["--src-tls-verify=false"]
    command = [
        *("--tmpdir", str(place), "--override-os", "linux", "--override-arch", ARCHITECTURE),
        *([] if _has_policy() else ["--insecure-policy"]),
        *("copy", "--quiet", "--preserve-digests", *tls),
        *(source.address, f"dir:{target}"),
    ]
    _call(command, source, _COPY_LIMIT_SECONDS)
    return target


def _has_policy() -> bool:
    return _SYSTEM_POLICY.exists() or (Path.home() / _USER_POLICY).exists()


def _call(arguments: Sequence[str], source: Source, limit_seconds: float) -> str:
    try:
        result = process.run(
            ["skopeo", *arguments], limit_seconds=limit_seconds, directory=source.directory
        )
    except TimeoutExpiredError as error:
        raise too_slow(source) from error
    if not result.succeeded:
        raise failure(source, result.last_words)
    return result.output
