"""Which of two versions is the newer one, by the rules of the ecosystem they are of."""

import re
from functools import lru_cache
from typing import Any

from univers.versions import DebianVersion, PypiVersion, SemverVersion

from herdbook.catalogue.components import Ecosystem

_LONGEST = 200
"""Characters of a version; what is longer was not meant as one and may be slow to compare."""

_SEMVER = re.compile(
    r"[v=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z.-]+)?",
    re.ASCII,
)


def compare_versions(ecosystem: Ecosystem, left: str, right: str) -> int | None:
    """Return -1, 0 or 1 as `left` is older than, equal to or newer than `right`.

    Debian's versions are ordered as dpkg does, Python's by PEP 440, npm's by Semantic Versioning
    (build metadata says nothing). None where one of them is no version in its ecosystem: then
    nobody knows, and no answer may be made up.
    """
    first, second = _parsed(ecosystem, left), _parsed(ecosystem, right)
    if first is None or second is None:
        return None
    return int(first > second) - int(first < second)  # Debian's 1.01 and 1.1 are the same, not ==


def is_older(ecosystem: Ecosystem, version: str, other: str) -> bool:
    """Tell whether a version is known to come before another one."""
    return compare_versions(ecosystem, version, other) == -1


def is_version(ecosystem: Ecosystem, text: str) -> bool:
    """Whether a text can be put in order with other versions of its ecosystem."""
    return _parsed(ecosystem, text) is not None


@lru_cache(maxsize=1 << 16)
def _parsed(ecosystem: Ecosystem, text: str) -> Any:  # noqa: ANN401 - univers has no types
    """Return something that compares with others of its ecosystem, None for what is no version."""
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        match ecosystem:
            case Ecosystem.DEBIAN:
                return DebianVersion(text)
            case Ecosystem.PYTHON:
                return PypiVersion(text)
            case Ecosystem.NODE:
                return _semantic(text)
    except (ValueError, TypeError, KeyError):  # what univers raises depends on where it gives up
        return None


def _semantic(text: str) -> SemverVersion | None:
    # univers completes anything it half understands (`1.0beta` becomes 1.0.0 with build metadata,
    # newer than 1.0.0), and orders by build metadata: so it is given plain versions only.
    match = _SEMVER.fullmatch(text)
    if match is None:
        return None
    numbers = ".".join(str(int(part or 0)) for part in match.group(1, 2, 3))
    return SemverVersion(numbers + (match[4] or ""))
