"""Reads the verified indexes that apt keeps: who signed what when, and which pocket has a .deb."""

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.packages.model import SignedIndex
from herdbook.packages.suites import Suite

_DIGESTS = re.compile(rb"\nSHA256: ([0-9a-f]{64})\n")
_KEPT_INDEXES = 9
"""Those of three suites."""


def signed_indexes(lists: Path, suite: Suite) -> tuple[SignedIndex, ...]:
    """Return the record of every InRelease file of a suite."""
    found = []
    for pocket in _pockets(suite):
        for path in lists.glob(f"*_dists_{pocket}_InRelease"):
            text = path.read_text()
            found.append(
                SignedIndex(
                    pocket=pocket,
                    digest=digests.of_file(path),
                    date=_date(text, "Date"),
                    valid_until=_date(text, "Valid-Until") if "\nValid-Until:" in text else None,
                )
            )
    return tuple(found)


def pocket_of(lists: Path, suite: Suite, digest: Digest) -> str:
    """Return the first pocket that holds a .deb; raises VerificationError where none does."""
    plain = digests.hexadecimal(digest).encode()
    for pocket in _pockets(suite):
        for path in lists.glob(f"*_dists_{pocket}_main_binary-*_Packages"):
            status = path.stat()
            if plain in _digests_in(path, status.st_ino, status.st_mtime_ns, status.st_size):
                return pocket
    raise VerificationError(f"apt chose a package that no index of {suite.name} has: {digest}")


@lru_cache(_KEPT_INDEXES)
def _digests_in(path: Path, *identity: int) -> frozenset[bytes]:
    """Return the digests of all packages in an index; `identity` changes when the file does."""
    del identity
    return frozenset(_DIGESTS.findall(path.read_bytes()))


def _pockets(suite: Suite) -> tuple[str, ...]:
    return suite.name, suite.updates, suite.security


def _date(text: str, field: str) -> datetime:
    match = re.search(rf"^{field}: (.+)$", text, re.MULTILINE)
    if match is None:
        raise VerificationError(f"A signed index has no {field}")
    return parsedate_to_datetime(match[1].replace("UTC", "+0000"))
