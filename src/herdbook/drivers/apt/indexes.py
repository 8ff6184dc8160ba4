"""Reads the verified indexes that apt keeps: who signed what when, and which pocket has what."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.packages.control import source_of, stanza
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.packages.suites import Suite

_DIGESTS = re.compile(rb"\nSHA256: ([0-9a-f]{64})\n")
_NAME = b"Package: "
"""Every package in an index begins with this field (Debian Repository Format)."""

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
        for path in _packages_files(lists, pocket):
            status = path.stat()
            if plain in _digests_in(path, status.st_ino, status.st_mtime_ns, status.st_size):
                return pocket
    raise VerificationError(f"apt chose a package that no index of {suite.name} has: {digest}")


def packages_in(lists: Path, suite: Suite, names: Collection[str]) -> Iterator[LockedPackage]:
    """Yield every package of these names in every version, pocket by pocket."""
    wanted = {name.encode() for name in names}
    for pocket in _pockets(suite):
        for path in _packages_files(lists, pocket):
            for text in path.read_bytes().split(b"\n\n"):
                name = text[len(_NAME) : text.find(b"\n")]
                if name in wanted and text.startswith(_NAME):
                    yield locked_package(stanza(text.decode()), pocket)


def locked_package(fields: Mapping[str, str], pocket: str) -> LockedPackage:
    """Return the package that a stanza of a pocket's index describes."""
    source, source_version = source_of(fields)
    return LockedPackage(
        name=fields["package"],
        version=fields["version"],
        architecture=fields["architecture"],
        source=source,
        source_version=source_version,
        pocket=pocket,
        path=fields["filename"],
        size=int(fields["size"]),
        sha256=Digest("sha256:" + fields["sha256"]),
    )


def _packages_files(lists: Path, pocket: str) -> Iterator[Path]:
    return lists.glob(f"*_dists_{pocket}_main_binary-*_Packages")


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
