"""Content digests: what everything immutable is named by."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NewType

Digest = NewType("Digest", str)
"""`sha256:` and 64 lower-case hexadecimal digits, as in the OCI image specification."""

PIECE_BYTES = 1 << 20
"""How much of a stream is held in memory at a time."""

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


EMPTY = Digest("sha256:" + hashlib.sha256().hexdigest())
"""The digest of no bytes at all."""


def of_bytes(content: bytes) -> Digest:
    """Return the digest of `content`."""
    return Digest("sha256:" + hashlib.sha256(content).hexdigest())


def of_stream(stream: BinaryIO) -> Digest:
    """Return the digest of all that is left in `stream`, in flat memory."""
    state = hashlib.sha256()
    while piece := stream.read(PIECE_BYTES):
        state.update(piece)
    return Digest("sha256:" + state.hexdigest())


def of_file(path: Path) -> Digest:
    """Return the digest of a file's content."""
    with path.open("rb") as stream:
        return of_stream(stream)


def of_json(document: object) -> Digest:
    """Return the digest of a JSON document in its canonical form."""
    return of_bytes(canonical_json(document))


def of_json_array(items: Iterable[object]) -> Digest:
    """Return what `of_json` does for a list of these, of which one is held at a time."""
    state = hashlib.sha256(b"[")
    for number, item in enumerate(items):
        state.update((b"," if number else b"") + canonical_json(item))
    state.update(b"]")
    return Digest("sha256:" + state.hexdigest())


def canonical_json(document: object) -> bytes:
    """Render JSON so that equal documents give equal bytes: sorted keys, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse(text: str) -> Digest | None:
    """Return `text` as a digest, or None where it is not one."""
    return Digest(text) if _PATTERN.fullmatch(text) else None


def hexadecimal(digest: Digest) -> str:
    """Return the 64 digits without the algorithm."""
    return digest.partition(":")[2]


def short(digest: Digest) -> str:
    """Return the twelve digits people compare by eye."""
    return hexadecimal(digest)[:12]
