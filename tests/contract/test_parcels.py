"""The promises of the Volumes port about snapshots that leave this machine and come back."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
from volume_benches import BENCHES, SIZE_BYTES, DirectoryBench, VolumeBench

from herdbook.core.errors import ConflictError, NotFoundError, VerificationError
from herdbook.fleet.volumes import PIECE_BYTES, Parcel, Snapshot


@pytest.fixture(
    params=[
        "fake",
        pytest.param("directory", marks=pytest.mark.root),
        pytest.param("disk", marks=pytest.mark.qemu),
    ]
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> VolumeBench:
    return BENCHES[request.param](tmp_path / "here")


@pytest.fixture
def path(bench: VolumeBench) -> Path:
    """A volume with one file, and a snapshot of it."""
    made = bench.volumes().make("data", SIZE_BYTES)
    bench.write(made, "file", b"first")
    bench.volumes().snapshot("data", "before")
    return made


def _sent(bench: VolumeBench, snapshot: str = "before") -> tuple[Parcel, list[tuple[int, bytes]]]:
    with bench.volumes().send("data", snapshot) as parcel:
        return parcel, list(parcel.pieces)


def _again(
    parcel: Parcel, pieces: list[tuple[int, bytes]], *, name: str, volume: str = "data"
) -> Parcel:
    about = Snapshot(volume, name, parcel.about.taken_at, parcel.about.size_bytes)
    return replace(parcel, about=about, pieces=iter(pieces))


def test_a_parcel_becomes_the_same_snapshot(bench: VolumeBench, path: Path) -> None:
    parcel, pieces = _sent(bench)
    bench.write(path, "file", b"second")
    received = bench.volumes().receive(_again(parcel, pieces, name="back"))
    assert (received.name, received.taken_at) == ("back", parcel.about.taken_at)
    assert received in bench.volumes().snapshots("data")
    bench.volumes().verify("data", "back")
    bench.volumes().restore("data", "back")
    assert bench.read(path, "file") == b"first"


def test_a_parcel_makes_a_volume_where_there_was_none(
    bench: VolumeBench, path: Path, tmp_path: Path
) -> None:
    del path
    parcel, pieces = _sent(bench)
    (make,) = (each for each in BENCHES.values() if isinstance(bench, each))
    elsewhere = make(tmp_path / "elsewhere")
    elsewhere.volumes().receive(_again(parcel, pieces, name="back", volume="other"))
    elsewhere.volumes().restore("other", "back")
    assert elsewhere.read(elsewhere.volumes().make("other", SIZE_BYTES), "file") == b"first"


def test_pieces_come_in_order_and_the_last_says_where_all_ends(
    bench: VolumeBench, path: Path
) -> None:
    bench.write(path, "large", os.urandom(5 << 20))
    bench.volumes().snapshot("data", "large")
    _, pieces = _sent(bench, "large")
    ends = [offset + len(content) for offset, content in pieces]
    assert all(end <= offset for end, (offset, _) in zip(ends[:-1], pieces[1:], strict=True))
    assert pieces[-1][1] == b""
    assert all(0 < len(content) <= PIECE_BYTES for _, content in pieces[:-1])


def test_equal_snapshots_are_equal_pieces(bench: VolumeBench, path: Path) -> None:
    """So that a second backup of what has not changed costs next to nothing."""
    del path
    bench.volumes().snapshot("data", "after")
    assert _sent(bench, "before")[1] == _sent(bench, "after")[1]


def test_a_parcel_that_was_changed_on_the_way_leaves_nothing(
    bench: VolumeBench, path: Path
) -> None:
    del path
    parcel, pieces = _sent(bench)
    at = next(number for number, (_, content) in enumerate(pieces) if b"first" in content)
    offset, content = pieces[at]
    spoilt = [*pieces]
    spoilt[at] = (offset, content.replace(b"first", b"tsrif"))
    for receive in (bench.volumes().receive, bench.volumes().rehearse):
        with pytest.raises(VerificationError):
            receive(_again(parcel, spoilt, name="back"))
    assert [each.name for each in bench.volumes().snapshots("data")] == ["before"]


def test_a_parcel_that_stops_coming_leaves_nothing(bench: VolumeBench, path: Path) -> None:
    del path
    parcel, pieces = _sent(bench)

    def cut_off() -> Iterator[tuple[int, bytes]]:
        yield from pieces[:1]
        raise VerificationError("cut off")

    with pytest.raises(VerificationError, match="cut off"):
        bench.volumes().receive(replace(_again(parcel, [], name="back"), pieces=cut_off()))
    assert [each.name for each in bench.volumes().snapshots("data")] == ["before"]


def test_a_rehearsal_keeps_nothing(bench: VolumeBench, path: Path) -> None:
    parcel, pieces = _sent(bench)
    bench.write(path, "file", b"second")
    bench.volumes().rehearse(_again(parcel, pieces, name="trial"))
    assert [each.name for each in bench.volumes().snapshots("data")] == ["before"]
    assert bench.read(path, "file") == b"second"


def test_snapshots_are_taken_while_one_is_sent_or_tried(bench: VolumeBench, path: Path) -> None:
    """An upload takes hours, and a release that puts data aside first is not to wait for it."""
    del path
    parcel, pieces = _sent(bench)
    with ThreadPoolExecutor(1) as pool:

        def take(name: str) -> None:
            pool.submit(bench.volumes().snapshot, "data", name).result(30)

        def coming() -> Iterator[tuple[int, bytes]]:
            take("while-tried")
            yield from pieces

        with bench.volumes().send("data", "before") as sent:
            take("while-sent")
            assert list(sent.pieces) == pieces
        trial = replace(_again(parcel, [], name="trial"), pieces=coming())
        bench.volumes().rehearse(trial)
    names = [each.name for each in bench.volumes().snapshots("data")]
    assert names == ["before", "while-sent", "while-tried"]


@pytest.mark.parametrize("bench", ["directory", "disk"], indirect=True)
@pytest.mark.parametrize("removed_with", ["forgotten", "destroyed"])
def test_what_is_sent_stays_until_all_of_it_is_gone_out(
    bench: VolumeBench, path: Path, removed_with: str
) -> None:
    _, pieces = _sent(bench)
    with ThreadPoolExecutor(1) as pool:
        with bench.volumes().send("data", "before") as sent:
            if removed_with == "forgotten":
                removal = pool.submit(bench.volumes().forget_snapshot, "data", "before")
            else:
                removal = pool.submit(bench.volumes().destroy, "data")
            with pytest.raises(TimeoutError):
                removal.result(0.3)
            assert list(sent.pieces) == pieces
        removal.result(30)
    assert bench.volumes().snapshots("data") == []
    assert path.exists() == (removed_with == "forgotten")


def test_a_snapshot_is_never_received_in_place_of_another(bench: VolumeBench, path: Path) -> None:
    del path
    parcel, pieces = _sent(bench)
    with pytest.raises(ConflictError):
        bench.volumes().receive(_again(parcel, pieces, name="before"))


def test_what_is_absent_is_not_sent(bench: VolumeBench, path: Path) -> None:
    del path
    with pytest.raises(NotFoundError), bench.volumes().send("data", "ghost"):
        pass


def test_it_is_known_when_a_snapshot_was_proven(bench: VolumeBench, path: Path) -> None:
    del path
    (taken,) = bench.volumes().snapshots("data")
    assert taken.verified_at is None
    bench.volumes().verify("data", "before")
    (proven,) = bench.volumes().snapshots("data")
    assert proven.verified_at is not None
    assert proven.verified_at >= proven.taken_at


@pytest.mark.root
def test_a_directory_comes_back_with_all_that_is_known_of_its_files(tmp_path: Path) -> None:
    """Owners, modes, times, links of both kinds, attributes, pipes, holes; sockets are left."""
    bench = DirectoryBench(tmp_path)
    path = bench.volumes().make("data", 0)
    odd = path / os.fsdecode(b"n\xffn\nname")
    odd.write_bytes(b"odd")
    os.chown(odd, 1234, 70000)
    odd.chmod(0o4751)
    (path / "folder").mkdir(mode=0o2770)
    (path / "folder/link").symlink_to("/nowhere")
    (path / "folder/same").hardlink_to(odd)
    os.mkfifo(path / "pipe")
    with (path / "holes").open("wb") as file:
        file.truncate(10 << 20)
    os.setxattr(path / "holes", "user.colour", b"red\0green")
    with socket.socket(socket.AF_UNIX) as listener, chdir(path):  # its path may be too long for one
        listener.bind("socket")
    os.utime(odd, ns=(0, 1_234_567_890_123_456_789))
    bench.volumes().snapshot("data", "before")
    parcel, pieces = _sent(bench)
    bench.volumes().receive(_again(parcel, pieces, name="back"))
    bench.lose(path)
    bench.volumes().restore("data", "back")
    assert bench.names(path) == sorted(["folder", "holes", os.fsdecode(b"n\xffn\nname"), "pipe"])
    found = odd.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 70000, 0o4751)
    assert (found.st_mtime_ns, found.st_nlink) == (1_234_567_890_123_456_789, 2)
    assert (path / "folder/link").readlink() == Path("/nowhere")
    assert os.getxattr(path / "holes", "user.colour") == b"red\0green"
    assert (path / "holes").stat().st_size == 10 << 20
    assert (path / "holes").stat().st_blocks == 0
