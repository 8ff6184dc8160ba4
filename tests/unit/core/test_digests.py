"""Digests name content, and nothing else."""

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from herdbook.core import digests

HELLO = "sha256:" + hashlib.sha256(b"hello").hexdigest()


def test_bytes_streams_and_files_of_one_content_have_one_digest(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"hello")
    assert digests.of_bytes(b"hello") == HELLO
    assert digests.of_stream(BytesIO(b"hello")) == HELLO
    assert digests.of_file(tmp_path / "file") == HELLO


def test_a_stream_longer_than_a_piece_is_read_to_its_end() -> None:
    content = b"x" * (digests.PIECE_BYTES + 1)
    assert digests.of_stream(BytesIO(content)) == digests.of_bytes(content)


def test_a_stream_is_read_from_where_it_stands() -> None:
    stream = BytesIO(b"oh, hello")
    stream.seek(4)
    assert digests.of_stream(stream) == HELLO


def test_equal_documents_have_one_digest_however_they_were_written() -> None:
    one = {"b": [1, "ö"], "a": {"y": None, "x": True}}
    other = {"a": {"x": True, "y": None}, "b": [1, "\u00f6"]}
    assert digests.of_json(one) == digests.of_json(other)
    assert digests.canonical_json(one) == b'{"a":{"x":true,"y":null},"b":[1,"\\u00f6"]}'


@pytest.mark.parametrize(
    ("one", "other"), [([1, 2], [2, 1]), ("1", 1), ({"a": None}, {}), ([], [[]])]
)
def test_different_documents_have_different_digests(one: object, other: object) -> None:
    assert digests.of_json(one) != digests.of_json(other)


def test_names_no_encoding_can_hold_still_have_a_digest() -> None:
    assert digests.of_json(["\udcff"]) != digests.of_json(["\udcfe"])


def test_empty_is_the_digest_of_nothing() -> None:
    assert digests.of_bytes(b"") == digests.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        HELLO[:-1],
        HELLO + "0",
        HELLO.upper(),
        HELLO + "\n",
        "sha512:" + HELLO[7:],
        HELLO[7:],
        "x" + HELLO,
    ],
)
def test_parse_takes_nothing_that_is_not_exactly_a_digest(text: str) -> None:
    assert digests.parse(text) is None


def test_parse_takes_a_digest() -> None:
    assert digests.parse(HELLO) == HELLO


def test_digits_and_what_people_compare() -> None:
    digest = digests.of_bytes(b"hello")
    assert digests.hexadecimal(digest) == HELLO[7:]
    assert digests.short(digest) == HELLO[7:19]


@pytest.mark.parametrize("items", [[], [1], [{"b": "ö", "a": []}, None, "x"]])
def test_an_array_that_comes_item_by_item_has_the_digest_of_the_whole(items: list[object]) -> None:
    assert digests.of_json_array(iter(items)) == digests.of_json(items)
