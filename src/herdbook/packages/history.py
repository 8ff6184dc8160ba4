"""Reads from a package's changelog how often its source was updated since its suite's release."""

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

from herdbook.packages.deb import data_tar
from herdbook.packages.suites import Suite

_CHANGELOG = re.compile(r"(\./)?usr/share/doc/[^/]+/changelog(\.Debian)?\.gz")
_HEADING = re.compile(r"^(\S+) \(([^)\s]+)\) ([^;\n]+);", re.MULTILINE)
_SIGNATURE = re.compile(r"^ -- .*>  (.+)$", re.MULTILINE)
_YEAR_SECONDS = 365.25 * 86_400
_SHORTEST_HISTORY_YEARS = 0.5
"""A release younger than this says little: a first week's fix is not fifty a year."""


def updates_a_year(debs: Iterable[Path], suite: Suite, until: datetime) -> float | None:
    """Return how many updates a year a source had in a suite, from its release `until` a date.

    `debs` are packages of that source, the first with a changelog is read. None where none has
    one: some share another package's documentation folder.
    """
    for deb in debs:
        text = _changelog(deb)
        if text is not None:
            years = (until.timestamp() - suite.epoch) / _YEAR_SECONDS
            return count_updates(text, suite, until) / max(years, _SHORTEST_HISTORY_YEARS)
    return None


def count_updates(changelog: str, suite: Suite, until: datetime) -> int:
    """Count the entries (deb-changelog(5)) made for a suite after its release and by a date.

    An entry was made for a suite if it names it, or one of its pockets, as its distribution, or
    bears the suite's mark in its version, as `+deb12u3` does.
    """
    marks = re.compile(rf"[+~]deb{suite.release}u\d")
    count = 0
    for entry in _entries(changelog):
        heading = _HEADING.match(entry)
        signed = _SIGNATURE.search(entry)
        moment = _moment(signed[1]) if signed else None
        if heading is None or moment is None or not suite.epoch < moment <= until.timestamp():
            continue
        distributions = heading[3].split()
        named = any(name.partition("-")[0] == suite.name for name in distributions)
        count += named or bool(marks.search(heading[2]))
    return count


def _entries(changelog: str) -> Iterable[str]:
    starts = [match.start() for match in _HEADING.finditer(changelog)]
    return [changelog[start:end] for start, end in pairwise([*starts, len(changelog)])]


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None  # people wrote these dates by hand for decades


def _changelog(deb: Path) -> str | None:
    with data_tar(deb) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not member.isfile() or not _CHANGELOG.fullmatch(member.name):
                continue
            content = archive.extractfile(member)
            text = _uncompressed(content.read() if content else b"")
            if _HEADING.match(text):  # a native package's own, not the upstream author's
                return text
    return None


def _uncompressed(content: bytes) -> str:
    try:
        return gzip.decompress(content).decode(errors="replace")
    except (OSError, EOFError, zlib.error):
        return ""
