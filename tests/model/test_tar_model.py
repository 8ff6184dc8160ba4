"""A canonical tar holds exactly its tree, whatever that is, and other programs read it the same."""

import random
import tarfile
from io import BytesIO
from itertools import islice

from hypothesis import example, given, settings
from hypothesis import strategies as some
from trees import CAPABILITY, content_of, further_name, open_content, tar_of, trees

from herdbook.core import digests
from herdbook.layers.contents import KeptLayer
from herdbook.layers.reading import read_tree
from herdbook.layers.stacking import changes
from herdbook.layers.tree import Entry, Kind, Tree, tree_of
from herdbook.layers.writing import header, tar_pieces

relaxed = settings(deadline=None, max_examples=150)

LETTERS = some.characters(
    codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]
) | some.integers(0xDC80, 0xDCFF).map(chr)
BROKEN = some.lists(LETTERS, min_size=1, max_size=150).map(
    lambda letters: (
        "".join(letters).encode(errors="surrogateescape").decode(errors="surrogateescape")
    )
)
PARTS = BROKEN.filter(lambda part: part not in (".", "..") and not part.startswith(".wh."))
PATHS = some.lists(PARTS, min_size=1, max_size=3).map("/".join)
IDS = some.integers(0, 8**7 + 5) | some.integers(0, 2**32 - 2)
TIMES = some.integers(-(2**40), 2**40)


@some.composite
def entries(draw: some.DrawFn) -> Entry:
    """Draw an entry that uses every field to its limits."""
    path, mode = draw(PATHS), draw(some.integers(0, 0o7777))
    uid, gid, mtime = draw(IDS), draw(IDS), draw(TIMES)
    kind = draw(some.sampled_from(Kind))
    if kind is Kind.REMOVED:
        return Entry(path, kind)
    if kind is Kind.DIRECTORY:
        return Entry(path, kind, mode, uid, gid)
    if kind is Kind.FILE:
        content = draw(some.sampled_from([b"", b"one", b"y" * 513]))
        value = draw(some.none() | some.binary(max_size=40) | some.just(CAPABILITY))
        xattrs = (("security.capability", value),) if value is not None else ()
        digest = digests.of_bytes(content)
        return Entry(path, kind, mode, uid, gid, mtime, len(content), digest, "", xattrs)
    return Entry(path, kind, mode, uid, gid, mtime, target=draw(PATHS))


@relaxed
@given(some.lists(entries(), max_size=5, unique_by=lambda each: each.path))
def test_what_was_written_is_read_back(drawn: list[Entry]) -> None:
    assert read_tree(BytesIO(tar_of(tree_of(drawn)))) == tree_of(drawn)


@relaxed
@given(trees(), some.randoms(use_true_random=False))
def test_bytes_do_not_depend_on_the_order_of_entries(tree: Tree, chance: random.Random) -> None:
    shuffled = list(tree.values())
    chance.shuffle(shuffled)
    assert b"".join(tar_pieces(shuffled, open_content)) == tar_of(tree)


@relaxed
@given(trees(), trees())
def test_python_finds_each_content_where_offsets_say(lower: Tree, wanted: Tree) -> None:
    from pathlib import Path

    layer = changes(lower, wanted)
    with tarfile.open(fileobj=BytesIO(tar_of(layer))) as archive:
        files = [each for each in archive if each.isreg() and not _is_whiteout(each.name)]
    offsets = {each.name: each.offset_data for each in files}
    assert KeptLayer(Path("unread"), layer).offsets == offsets


def _is_whiteout(name: str) -> bool:
    return name.rpartition("/")[2].startswith(".wh.")


@relaxed
@given(trees())
def test_python_reads_names_modes_owners_and_contents_as_they_were_meant(tree: Tree) -> None:
    with tarfile.open(fileobj=BytesIO(tar_of(tree))) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == list(tree)
        for member, entry in zip(members, tree.values(), strict=True):
            assert (member.mode, member.uid, member.gid) == (entry.mode, entry.uid, entry.gid)
            assert (member.uname, member.gname) == ("", "")
            if entry.kind is Kind.FILE:
                stream = archive.extractfile(member)
                assert stream is not None
                assert stream.read() == content_of(entry)
            else:
                assert member.linkname == entry.target


@example(8**11 - 1)
@example(8**11)
@given(some.integers(8**11 - 2, 2**62))
def test_a_header_tells_sizes_beyond_what_the_old_format_can(size: int) -> None:
    entry = Entry("huge", Kind.FILE, size=size, digest=digests.EMPTY)
    member = tarfile.TarInfo.frombuf(header(entry)[-512:], "utf-8", "strict")
    with tarfile.open(fileobj=BytesIO(header(entry))) as archive:
        found = list(islice(archive, 1))
    assert found[0].size == size
    assert member.size in (size, 0)


@relaxed
@given(entries())
def test_headers_are_whole_blocks(entry: Entry) -> None:
    assert len(header(entry)) % 512 == 0


@given(trees())
def test_a_further_name_of_a_file_costs_one_header(tree: Tree) -> None:
    for entry in [each for each in tree.values() if each.kind is Kind.FILE]:
        named = further_name(entry, f"{entry.path}-again")
        if named.path not in tree:
            longer = tar_of(tree_of([*tree.values(), named]))
            assert len(longer) - len(tar_of(tree)) == len(header(named))
