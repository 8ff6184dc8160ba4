"""A cut archive is all there, and a change of one file moves few of its pieces."""

import io
import tarfile
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from herdbook.drivers.tar_cutting import cut
from herdbook.fleet.volumes import PIECE_BYTES

NAMES = st.text(min_size=1, max_size=150).filter(lambda name: "\0" not in name)
FILES = st.dictionaries(NAMES, st.binary(max_size=2000), max_size=8)


def archive(files: Mapping[str, bytes], **more: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.pax_headers = len(data), 1.5, dict(more)
            made.addfile(entry, io.BytesIO(data))
    return content.getvalue()


def pieces_of(content: bytes) -> list[bytes]:
    return list(cut(io.BytesIO(content)))


@settings(deadline=None)
@given(FILES)
def test_pieces_are_the_archive_whatever_is_in_it(
    files: dict[str, bytes],
) -> None:
    content = archive(files, comment="12 size=99\n12 size=99\n")
    for whole in (content, content[:-512]):
        assert b"".join(pieces_of(whole)) == whole
    assert all(0 < len(each) <= PIECE_BYTES for each in pieces_of(content))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 3 * PIECE_BYTES))
def test_no_piece_is_larger_than_it_may_be(size_bytes: int) -> None:
    content = archive({"a": b"1", "large": b"x" * size_bytes, "z": b"2"})
    found = pieces_of(content)
    assert b"".join(found) == content
    assert all(0 < len(each) <= PIECE_BYTES for each in found)


@pytest.mark.parametrize("change", ["new", "grown", "gone"])
def test_one_changed_file_among_many_moves_few_pieces(change: str) -> None:
    files = {f"folder/{number:05}": bytes([number % 251]) * 3000 for number in range(3000)}
    before = set(pieces_of(archive(files)))
    if change == "new":
        files = dict(sorted({**files, "folder/00100-new": b"new" * 1000}.items()))
    elif change == "grown":
        files["folder/00100"] *= 2
    else:
        del files["folder/00100"]
    after = set(pieces_of(archive(files)))
    assert len(before) > 20
    assert len(after - before) <= 3


def test_what_comes_before_a_large_file_does_not_move_its_pieces() -> None:
    large = bytes(range(256)) * (40 << 10)
    before = set(pieces_of(archive({"a": b"1", "large": large, "z": b"2"})))
    after = set(pieces_of(archive({"a": b"1" * 5000, "large": large, "z": b"2"})))
    assert len(after - before) == 2  # what grew, and the end, which is filled up with zeros


def test_the_size_of_a_file_that_no_header_can_hold_is_in_its_extension() -> None:
    """Beyond 8 GiB; here it is said of a small one, whose header says something else."""
    content = bytearray(archive({"a": b"x" * 1024, "b": b"y"}, size="1024"))
    at = content.index(b"a\0") - content.index(b"a\0") % 512
    assert content[at + 156 : at + 157] == b"0"
    content[at + 124 : at + 136] = b"00000000000\0"
    assert b"".join(pieces_of(bytes(content))) == bytes(content)
