"""Tells by its own marks what a file of advisories is, and reads it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, count

from herdbook.core.errors import InvalidInputError
from herdbook.trust.advisories import Advisory, Exploited, Statement
from herdbook.trust.debian_tracker import looks_like_tracker, read_tracker
from herdbook.trust.exploited import looks_like_exploited, read_exploited
from herdbook.trust.foreign_json import parsed
from herdbook.trust.osv import looks_like_osv, read_osv
from herdbook.trust.unpacking import LARGEST_ADVISORY, is_archive, members_of, text_of
from herdbook.trust.vex import looks_like_vex, read_vex


class FeedKind(StrEnum):
    """The formats there are; the values are for tables and listings."""

    OSV = "osv"
    DEBIAN = "debian"
    EXPLOITED = "kev"
    VEX = "openvex"


@dataclass(frozen=True)
class Feed:
    """What a file holds: only what goes with its kind is not empty.

    `advisories` can be gone through once. They are read while that is done, so InvalidInputError
    may come up in the middle: nothing of such a file should be kept. One without ranges takes back
    what it said before. `skipped` counts by reason what was left out, and is complete after the
    last advisory.
    """

    kind: FeedKind
    advisories: Iterable[Advisory] = ()
    exploited: tuple[Exploited, ...] = ()
    statements: tuple[Statement, ...] = ()
    skipped: Counter[str] = field(default_factory=Counter)


def read_feed(content: bytes, name: str) -> Feed:
    """Return what a file holds: OSV, Debian's security tracker, CISA's KEV list, or OpenVEX.

    OSV may be one advisory, a list, one a line, or a .zip file of many; every format may be
    compressed by gzip. `name` is where it is from, for messages alone. Raises InvalidInputError for
    anything else, and for what is damaged, incomplete or too large: in memory, JSON takes some 28
    times what its text does.
    """
    if is_archive(content):
        return _read_archive(content, name)
    text = text_of(content, name)
    if looks_like_tracker(text):
        skipped: Counter[str] = Counter()
        return Feed(FeedKind.DEBIAN, read_tracker(text, skipped, name), skipped=skipped)
    lines = _read_lines(text, name)
    return lines or _read_document(parsed(text, name), name)


def _read_document(document: object, name: str) -> Feed:
    skipped: Counter[str] = Counter()
    if looks_like_exploited(document):
        return Feed(FeedKind.EXPLOITED, exploited=read_exploited(document, name))
    if looks_like_vex(document):
        statements = read_vex(document, skipped, name)
        return Feed(FeedKind.VEX, statements=statements, skipped=skipped)
    documents = _as_list(document)
    if documents and looks_like_osv(documents[0]):
        places = ((each, f"{name}: entry {number}") for number, each in enumerate(documents, 1))
        alone = ((document, name),)
        return _osv(places if isinstance(document, list) else alone)
    raise _unknown(name)


def _as_list(document: object) -> list[object]:
    return document if isinstance(document, list) else [document]


def _read_lines(text: str, name: str) -> Feed | None:
    """Return a feed of one advisory a line, None where the first line is not one."""
    first, _, rest = text.lstrip().partition("\n")
    if not rest.lstrip().startswith("{") or not first.startswith("{"):
        return None
    try:
        if not looks_like_osv(parsed(first, name)):
            return None
    except InvalidInputError:
        return None  # one document over several lines
    return _osv(_lines(text, name))


def _lines(text: str, name: str) -> Iterator[tuple[object, str]]:
    begin = 0
    for number in count(1):
        end = text.find("\n", begin)
        line = text[begin : end if end >= 0 else None]
        if line.strip():
            where = f"{name}: line {number}"
            yield parsed(line, where), where
        if end < 0:
            return
        begin = end + 1


def _read_archive(content: bytes, name: str) -> Feed:
    members = members_of(content, name)
    first = next(members, None)
    if first is None:
        raise _unknown(name)
    second = next(members, None)
    if second is None:  # any format, packed
        return read_feed(first[1], f"{name}: {first[0]}")
    return _osv(_members(chain((first, second), members), name))


def _members(members: Iterable[tuple[str, bytes]], name: str) -> Iterator[tuple[object, str]]:
    for member, content in members:
        where = f"{name}: {member}"
        document = parsed(text_of(content, where, LARGEST_ADVISORY), where)
        if not looks_like_osv(document):
            raise _unknown(where)
        yield document, where


def _osv(documents: Iterable[tuple[object, str]]) -> Feed:
    skipped: Counter[str] = Counter()
    return Feed(FeedKind.OSV, read_osv(documents, skipped), skipped=skipped)


def _unknown(name: str) -> InvalidInputError:
    return InvalidInputError(
        "This is no feed of advisories that Herdbook knows",
        hint="It reads OSV, Debian's security tracker, CISA's KEV list and OpenVEX, all as JSON.",
        where=name,
    )
