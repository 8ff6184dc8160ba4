"""A file is read by what it holds, whatever it is called, and refused with advice if it is none."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.trust.feeds import Feed, FeedKind, read_feed

OSV: dict[str, Any] = {
    "id": "PYSEC-2024-1",
    "modified": "2024-01-01T00:00:00Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "Flask"}, "versions": ["1.0"]}],
}
MAVEN = OSV | {"id": "GHSA-1", "affected": [{"package": {"ecosystem": "Maven", "name": "a:b"}}]}
TRACKER: dict[str, Any] = {"zlib": {"CVE-1": {"releases": {"bookworm": {"status": "open"}}}}}
KEV = {"catalogVersion": "1", "vulnerabilities": [{"cveID": "CVE-1", "dateAdded": "2024-05-30"}]}
VEX = {
    "@context": "https://openvex.dev/ns",
    "author": "us",
    "timestamp": "2024-01-01T00:00:00Z",
    "statements": [{"vulnerability": "CVE-1", "products": ["pkg:pypi/a"], "status": "fixed"}],
}


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def read(content: bytes) -> tuple[Feed, list[str]]:
    feed = read_feed(content, "feed")
    return feed, [advisory.id for advisory in feed.advisories if advisory.ranges]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (OSV, FeedKind.OSV),
        ([OSV, MAVEN], FeedKind.OSV),
        (TRACKER, FeedKind.DEBIAN),
        (KEV, FeedKind.EXPLOITED),
        (VEX, FeedKind.VEX),
    ],
)
def test_every_format_is_known_by_its_marks_packed_or_not(document: object, kind: FeedKind) -> None:
    plain = as_bytes(document)
    wide = json.dumps(document, indent=2).encode()
    packed = [gzip.compress(plain), zipped([("a.json", plain)]), b"\xef\xbb\xbf" + plain]
    for content in (plain, wide, *packed):
        feed, _ = read(content)
        assert feed.kind is kind
        alone = (len(feed.exploited), len(feed.statements))
        assert alone == (kind is FeedKind.EXPLOITED, kind is FeedKind.VEX)


def test_osv_may_be_one_advisory_a_line() -> None:
    lines = b"\n\n".join(as_bytes(OSV | {"id": each}) for each in ("A", "B")) + b"\n"
    assert read(lines)[1] == ["A", "B"]


def test_a_zip_of_osv_files_is_read_and_what_was_left_out_counted() -> None:
    members = [("A.json", as_bytes(OSV)), ("B.json", as_bytes(MAVEN)), ("README", b"x")]
    feed, ids = read(zipped(members))
    assert ids == ["PYSEC-2024-1"]
    assert feed.skipped == {"ecosystem Maven": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"<html><body>Not found</body></html>",
        b"{}",
        b"[]",
        b"null",
        b"17",
        as_bytes({"name": "a package.json", "version": "1.0"}),
        as_bytes([[OSV]]),
        as_bytes(["GHSA-1"]),
        b"\xff\xfe{\x00}\x00",
        b"\x1f\x8b",
        b"PK\x03\x04 is no archive",
        zipped([]),
        zipped([("README", b"x")]),
        zipped([("a.json", as_bytes(OSV)), ("b.json", b"{}")]),
        zipped([("a.json", as_bytes(OSV)), ("b.json", b"not json")]),
        b"9" * 10_000,
        b'{"id": ' + b"9" * 10_000 + b"}",
        b"[" * 100_000,
        b'{"id": ' + b'{"a":' * 100_000,
        b'{"zlib": ' * 100_000,
    ],
)
def test_anything_else_is_refused_with_what_to_do_next(content: bytes) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read(content)
    assert refused.value.hint
    assert refused.value.where.startswith("feed")


@pytest.mark.parametrize("document", [OSV, [OSV, MAVEN], TRACKER, KEV, VEX])
def test_no_beginning_of_a_feed_passes_for_the_whole(document: object) -> None:
    whole = as_bytes(document)
    for content in (whole, gzip.compress(whole), zipped([("a.json", whole)])):
        for length in range(len(content) - 1):
            with pytest.raises(InvalidInputError):
                read(content[:length])


def test_lines_that_end_in_the_middle_are_refused_with_the_line() -> None:
    lines = as_bytes(OSV) + b"\n" + as_bytes(OSV)
    with pytest.raises(InvalidInputError, match="incomplete") as refused:
        read(lines[:-20])
    assert refused.value.where == "feed: line 2:1"


def test_damaged_archives_never_raise_anything_else() -> None:
    whole = zipped([("a.json", as_bytes(OSV)), ("b.json", as_bytes(OSV))])
    for position in range(len(whole)):
        for bit in (0x01, 0x80):
            damaged = bytearray(whole)
            damaged[position] ^= bit
            with suppress(InvalidInputError):
                read(bytes(damaged))


def test_what_unpacks_into_more_than_any_feed_is_refused() -> None:
    million = b" " * (1 << 20)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a.json", as_bytes(OSV))
        with archive.open("b.json", "w") as member:
            for _ in range(70):
                member.write(million)
    with pytest.raises(InvalidInputError, match="larger"):
        read(packed.getvalue())
    with pytest.raises(InvalidInputError, match="larger"):
        read(gzip.compress(million, 1) * 300)


def test_a_document_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InvalidInputError, match="larger"):
        read(b"[" + b" " * (64 << 20) + b"]")
    with pytest.raises(InvalidInputError, match="larger"):
        read(as_bytes(OSV) + b"\n" + b"[" * (65 << 20))


def test_each_of_several_advisories_in_an_archive_is_small() -> None:
    large = as_bytes(OSV) + b" " * (16 << 20)
    assert read(zipped([("a.json", large)]))[1] == ["PYSEC-2024-1"]
    for content in (large, gzip.compress(large)):
        with pytest.raises(InvalidInputError, match="larger") as refused:
            read(zipped([("a.json", as_bytes(OSV)), ("b.json", content)]))
        assert refused.value.where == "feed: b.json"


def test_what_is_read_piece_by_piece_may_be_larger_as_a_whole() -> None:
    issue = TRACKER["zlib"]["CVE-1"] | {"description": "x" * (40 << 20)}
    tracker = as_bytes({"zlib": {"CVE-1": issue}, "curl": {"CVE-2": issue}})
    lines = b"\n".join(as_bytes(OSV) + b" " * (40 << 20) for _ in range(2))
    assert read(lines)[1] == ["PYSEC-2024-1"] * 2
    assert read(tracker)[1] == ["CVE-1", "CVE-2"]
