"""A layer is read as what it is, or refused; never half."""

import io
import tarfile
from io import BytesIO

import pytest
from trees import CAPABILITY, file, folder, further_name, link, tar_of, tree

from herdbook.core.errors import VerificationError
from herdbook.layers.reading import normalised, read_members, read_tree
from herdbook.layers.tree import Entry, Kind

TREE = tree(file("a/one"), folder("b"), link("c", "a/one"), Entry("d/gone", Kind.REMOVED))


def foreign(*members: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> BytesIO:
    """Return a tar as other programs write them."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            archive.addfile(member, BytesIO(b"x" * member.size))
    return BytesIO(buffer.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def test_every_kind_of_entry_is_read_back() -> None:
    original = file("a", mode=0o4755, uid=1, gid=2, mtime=3)
    entries = tree(original, further_name(original, "b"), link("c", "./a/"), *TREE.values())
    del entries["a/one"]
    entries = {path: entry for path, entry in entries.items() if not path.startswith("a/")}
    assert read_tree(BytesIO(tar_of(entries))) == entries


def test_a_capability_is_kept_and_other_attributes_are_not() -> None:
    made = member("a")
    made.pax_headers = {
        "SCHILY.xattr.security.capability": CAPABILITY.decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.security.selinux": "system_u",
        "SCHILY.xattr.user.mime_type": "text/plain",
    }
    entry = read_tree(foreign(made))["a"]
    assert entry.xattrs == (("security.capability", CAPABILITY),)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read(form: int) -> None:
    long = "/".join(["long"] * 30)
    found = read_tree(foreign(member("./a/"), member(long), form=form))
    assert set(found) == {"a", long}


def test_leading_and_trailing_marks_of_the_root_are_dropped() -> None:
    found = read_tree(foreign(member("./", tarfile.DIRTYPE), member("/abs"), member("./rel")))
    assert set(found) == {"abs", "rel"}


def test_times_are_whole_seconds_and_folders_have_none() -> None:
    one, two = member("a"), member("b", tarfile.DIRTYPE)
    one.mtime, two.mtime = 12.75, 99
    found = read_tree(foreign(one, two))
    assert (found["a"].mtime, found["b"].mtime) == (12, 0)


def test_members_come_in_the_order_of_the_tar_with_their_places() -> None:
    found = list(read_members(foreign(member("b"), member("a"))))
    assert [entry.path for entry, _ in found] == ["b", "a"]
    assert [place.offset_data for _, place in found] == [512, 1024]


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_special_files_are_refused(kind: bytes) -> None:
    with pytest.raises(VerificationError, match="special"):
        read_tree(foreign(member("dev/x", kind)))


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "a/..", "/../etc/passwd"])
def test_paths_that_climb_are_refused(name: str) -> None:
    with pytest.raises(VerificationError, match="leaves"):
        read_tree(foreign(member(name)))
    with pytest.raises(VerificationError, match="leaves"):
        read_tree(foreign(member("a", tarfile.LNKTYPE, name)))
    with pytest.raises(VerificationError):
        normalised(name)


def test_where_a_symlink_leads_is_its_own_business() -> None:
    found = read_tree(foreign(member("a", tarfile.SYMTYPE, "../../etc//passwd/")))
    assert found["a"].target == "../../etc//passwd/"


@pytest.mark.parametrize("content", [b"", b"x", b"not a tar" * 200, bytes(511)])
def test_what_is_no_tar_is_refused(content: bytes) -> None:
    with pytest.raises(VerificationError, match="tar"):
        read_tree(BytesIO(content))


def test_a_tar_that_is_cut_off_is_refused_wherever_that_is() -> None:
    whole = tar_of(TREE)
    for length in range(0, len(whole) - 1024, 256):
        with pytest.raises(VerificationError):
            read_tree(BytesIO(whole[:length]))


def test_a_tar_with_a_broken_header_is_refused_wherever_that_is() -> None:
    whole = tar_of(TREE)
    starts = [place.offset for _, place in read_members(BytesIO(whole))]
    assert len(starts) > 4
    for start in starts:
        broken = bytearray(whole)
        broken[start + 1] ^= 0x40
        with pytest.raises(VerificationError):
            read_tree(BytesIO(bytes(broken)))


def test_reading_needs_no_seeking() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._content = BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return self._content.readinto(buffer[:700])

    assert read_tree(io.BufferedReader(Pipe(tar_of(TREE)))) == TREE
