"""Layers of other programs are taken over as runtimes would show them, or refused."""

import gzip
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import zstandard
from foreign_layers import Member, folder, link, member, opaque, removal, symlink, tar
from trees import CAPABILITY, file, further_name, kept, tree
from trees import folder as own_folder
from trees import link as own_link

from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.layers.importing import Imported, import_layer
from herdbook.layers.spooling import unpack_blob
from herdbook.layers.stacking import stack
from herdbook.layers.tree import Entry, Kind, Tree

REMOVED = Kind.REMOVED
SHARED = file("b", b"two\n")
BELOW = tree(file("d/one"), file("d/two"), file("d/deep/x"), SHARED, further_name(SHARED, "c"))


def take(place: Path, layer: bytes | Sequence[Member], below: Tree | None = None) -> Imported:
    """Import one layer on top of a tree of ours."""
    spool = place / "foreign"
    spool.write_bytes(layer if isinstance(layer, bytes) else tar(layer))
    lower = [below] if below else []
    made = import_layer(spool, below or {}, kept(lower, place), place)
    assert stack([*lower, made.layer.tree]) == made.view
    return made


def content(made: Imported, path: str) -> bytes:
    with made.layer.open(made.layer.tree[path]) as stream:
        return stream.read()


def test_every_kind_of_member_is_taken_over(tmp_path: Path) -> None:
    members = [
        folder("./d/", mode=0o1777),
        member("d/f", b"one", mode=0o4755, uid=3, gid=4, uname="x", mtime=7.9),
        symlink("l", "../d/", mtime=1),
        link("d/a", "d/f"),
    ]
    made = take(tmp_path, members)
    original = file("d/a", mode=0o644)
    assert made.layer.tree == {
        "d": own_folder("d", 0o1777),
        "d/a": original,
        "d/f": further_name(original, "d/f"),
        "l": Entry("l", Kind.SYMLINK, 0o777, mtime=1, target="../d/"),
    }
    assert content(made, "d/a") == b"one"


def test_owner_and_mode_of_a_link_hold_for_its_file_as_at_runtimes(tmp_path: Path) -> None:
    like = member("x", mode=0o600, uid=5, gid=6, mtime=8)
    made = take(tmp_path, [member("a", b"one"), link("b", "a", like)])
    assert made.view["a"] == file("a", mode=0o600, uid=5, gid=6, mtime=8)


def test_links_may_come_before_their_file_and_lead_to_each_other(tmp_path: Path) -> None:
    made = take(tmp_path, [link("c", "b"), link("b", "a"), member("a", b"one")])
    assert [each.target for each in made.view.values()] == ["", "a", "a"]


def test_a_link_keeps_the_content_of_a_file_that_is_replaced_later(tmp_path: Path) -> None:
    made = take(tmp_path, [member("a", b"one"), link("b", "a"), member("a", b"two\n")])
    assert made.view == tree(file("a", b"two\n"), file("b"))
    assert content(made, "b") == b"one"


def test_symlinks_with_several_names_are_several_symlinks(tmp_path: Path) -> None:
    made = take(tmp_path, [symlink("a", "x"), link("b", "a")])
    assert made.view == tree(own_link("a", "x"), own_link("b", "x"))


def test_a_link_to_a_lower_layer_brings_all_names_of_the_file_along(tmp_path: Path) -> None:
    made = take(tmp_path, [link("a", "c")], BELOW)
    first = file("a", b"two\n")
    wanted = tree(first, further_name(first, "b"), further_name(first, "c"))
    assert made.layer.tree == wanted
    assert content(made, "a") == b"two\n"


def test_a_file_moved_by_link_and_removal_keeps_its_content(tmp_path: Path) -> None:
    made = take(tmp_path, [link("z", "d/one"), removal("d/one")], BELOW)
    assert made.layer.tree == tree(file("z"), own_folder("d"), Entry("d/one", REMOVED))
    assert content(made, "z") == b"one"


def test_a_removal_is_kept_only_for_what_is_below(tmp_path: Path) -> None:
    made = take(tmp_path, [removal("d/one"), removal("nowhere/x")], BELOW)
    assert made.layer.tree == tree(own_folder("d"), Entry("d/one", REMOVED))


@pytest.mark.parametrize("turned", [False, True])
def test_removals_do_not_touch_what_the_same_layer_brings(tmp_path: Path, turned: bool) -> None:  # noqa: FBT001
    members = [removal("d"), folder("d"), member("d/new", b"one")]
    made = take(tmp_path, members[::-1] if turned else members, BELOW)
    assert [path for path in made.view if path.startswith("d")] == ["d", "d/new"]


@pytest.mark.parametrize("turned", [False, True])
def test_an_opaque_folder_becomes_removals(tmp_path: Path, turned: bool) -> None:  # noqa: FBT001
    members = [opaque("d"), folder("d"), folder("d/deep"), member("d/two", b"two\n")]
    made = take(tmp_path, members[::-1] if turned else members, BELOW)
    gone = [path for path, entry in made.layer.tree.items() if entry.kind is REMOVED]
    assert gone == ["d/deep/x", "d/one"]
    assert [path for path in made.view if path.startswith("d")] == ["d", "d/deep", "d/two"]


def test_an_opaque_root_hides_everything(tmp_path: Path) -> None:
    made = take(tmp_path, [member(".wh..wh..opq"), member("new", b"one")], BELOW)
    assert list(made.view) == ["new"]


def test_a_file_takes_the_place_of_a_lower_folder_and_the_reverse(tmp_path: Path) -> None:
    made = take(tmp_path, [member("d", b"one"), folder("b"), member("b/new", b"one")], BELOW)
    assert list(made.view) == ["b", "b/new", "c", "d"]
    assert made.view["c"] == file("c", b"two\n")
    assert content(made, "c") == b"two\n"


def test_the_last_of_several_members_of_one_path_counts(tmp_path: Path) -> None:
    members = [
        folder("a"),
        member("a/b", b"one"),
        member("a", b"two\n"),
        member("x/y", b"one"),
        member("x", b"one"),
    ]
    assert take(tmp_path, members).view == tree(file("a", b"two\n"), file("x"))


def test_a_folder_after_a_file_of_its_name_hides_nothing_below_as_in_an_overlay(
    tmp_path: Path,
) -> None:
    made = take(tmp_path, [member("d", b"one"), folder("d", mode=0o700)], BELOW)
    assert made.layer.tree == {"d": own_folder("d", 0o700)}


def test_folders_that_are_missing_are_those_below_or_roots_own(tmp_path: Path) -> None:
    below = tree(own_folder("t", 0o1777), own_link("l", "t"))
    made = take(tmp_path, [member("t/x/y", b"one"), member("l/z", b"one")], below)
    assert made.view["t"] == own_folder("t", 0o1777)
    assert made.view["t/x"] == own_folder("t/x")
    assert made.view["l"] == own_folder("l")


def test_what_is_below_already_is_left_out(tmp_path: Path) -> None:
    made = take(tmp_path, [folder("d"), member("d/one", b"one")], BELOW)
    assert made.layer.tree == {}


def test_devices_and_pipes_are_left_out_and_only_strange_ones_told(tmp_path: Path) -> None:
    members = [
        member("dev/null", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
        member("run/pipe", kind=tarfile.FIFOTYPE),
        member("d", kind=tarfile.CHRTYPE, devmajor=0, devminor=0),
    ]
    made = take(tmp_path, members, BELOW)
    assert list(made.view) == ["b", "c"]
    assert [note.split()[0] for note in made.notes] == ["/run/pipe"]


def test_only_capabilities_are_kept_of_extended_attributes(tmp_path: Path) -> None:
    value = CAPABILITY.decode(errors="surrogateescape")
    records = {"SCHILY.xattr.security.capability": value, "SCHILY.xattr.user.x": "y"}
    made = take(tmp_path, [member("a", b"one", pax_headers=records)])
    assert made.view["a"].xattrs == (("security.capability", CAPABILITY),)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_strange_names_are_kept(tmp_path: Path, form: int) -> None:
    name = f"{'long' * 60}/ä\udcff b"
    made = take(tmp_path, tar([member(name, b"one"), link("z", name)], form))
    assert made.view["z"].target == name


def test_sparse_files_are_filled_in(tmp_path: Path) -> None:
    import subprocess

    holes = tmp_path / "holes"
    with holes.open("wb") as stream:
        stream.seek(1 << 20)
        stream.write(b"end")
    for form in ("gnu", "posix"):
        archive = tmp_path / f"{form}.tar"
        options = ["--sparse", f"--format={form}", "-C", str(tmp_path)]
        subprocess.run(["tar", *options, "-cf", str(archive), "holes"], check=True)
        assert archive.stat().st_size < 1 << 19
        made = take(tmp_path, archive.read_bytes())
        assert content(made, "holes") == holes.read_bytes()
        assert made.view["holes"].digest == digests.of_file(holes)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([member("/etc/passwd", b"x")], "absolute"),
        ([member("a/../../b", b"x")], "leaves the image"),
        ([link("a", "../b")], "leaves the image"),
        ([link("a", "/b")], "absolute"),
        ([member("a"), member("a/b")], "below /a, which is no folder"),
        ([symlink("a", "b"), member("a/b")], "below /a, which is no folder"),
        ([folder("a"), link("b", "a")], "which is a folder"),
        ([link("b", "a"), folder("a")], "links to a folder"),
        ([link("a", "b"), link("b", "a")], "circle"),
        ([link("a", "nowhere")], "which is no file"),
        ([link("a", "d")], "which is no file"),
        ([member(".wh.d/x")], "only a removal may have"),
        ([member("d/.wh.")], "only a removal may have"),
        ([member("a", uid=-1)], "owner"),
    ],
)
def test_what_no_image_may_hold_is_refused(
    tmp_path: Path, members: list[Member], said: str
) -> None:
    form = tarfile.GNU_FORMAT  # PAX cannot say that an owner is below zero
    with pytest.raises(VerificationError, match=said):
        take(tmp_path, tar(members, form), BELOW)


def test_what_aufs_left_in_a_tar_is_passed_over(tmp_path: Path) -> None:
    members = [folder(".wh..wh.plnk"), member(".wh..wh.aufs"), member(".wh..wh.plnk/1.2", b"x")]
    assert take(tmp_path, members).view == {}


def test_damaged_tars_are_refused(tmp_path: Path) -> None:
    whole = tar([member("a", b"x" * 600), member("b", b"y" * 600)])
    for damaged in (whole[:700], whole[:1536] + b"?" * 512 + whole[2048:], b"no tar" * 200):
        with pytest.raises(VerificationError):
            take(tmp_path, damaged)


def _gzip(plain: bytes) -> bytes:
    half = len(plain) // 2
    return gzip.compress(plain[:half]) + gzip.compress(plain[half:])


def _zstd(plain: bytes) -> bytes:
    half = len(plain) // 2
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"
    return skipped + zstandard.compress(plain[:half]) + skipped + zstandard.compress(plain[half:])


@pytest.mark.parametrize("pack", [bytes, _gzip, _zstd])
def test_blobs_are_unpacked_whatever_they_are_packed_with(tmp_path: Path, pack: object) -> None:
    plain = tar([member("a", b"x" * 5000)])
    blob, spool = tmp_path / "blob", tmp_path / "spool"
    blob.write_bytes(pack(plain))  # type: ignore[operator]
    assert unpack_blob(blob, spool) == digests.of_bytes(plain)
    assert spool.read_bytes() == plain


@pytest.mark.parametrize("pack", [_gzip, _zstd])
def test_damaged_blobs_are_refused(tmp_path: Path, pack: object) -> None:
    blob = tmp_path / "blob"
    whole: bytes = pack(io.BytesIO(bytes(range(256)) * 50).read())  # type: ignore[operator]
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    blob.write_bytes(damaged)
    with pytest.raises(VerificationError, match="damaged"):
        unpack_blob(blob, tmp_path / "spool")
