"""The promises of the Volumes port, proven on every driver."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from volume_benches import BENCHES, SIZE_BYTES, VolumeBench

from herdbook.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    VerificationError,
)
from herdbook.fleet.volumes import Volumes

_RESTORE = """
import sys
from pathlib import Path
from volume_benches import DirectoryBench, DiskBench
bench = {bench}(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for name in ("one", "two"):
        bench.volumes().restore("data", name)
"""


@pytest.fixture(
    params=[
        "fake",
        pytest.param("directory", marks=pytest.mark.root),
        pytest.param("disk", marks=pytest.mark.qemu),
    ]
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> VolumeBench:
    return BENCHES[request.param](tmp_path)


@pytest.fixture
def volumes(bench: VolumeBench) -> Volumes:
    return bench.volumes()


@pytest.fixture
def path(bench: VolumeBench, volumes: Volumes) -> Path:
    """A volume with one file."""
    made = volumes.make("data", SIZE_BYTES)
    bench.write(made, "file", b"first")
    return made


def test_a_new_volume_is_empty(bench: VolumeBench, volumes: Volumes) -> None:
    assert bench.names(volumes.make("data", SIZE_BYTES)) == []


def test_a_volume_that_is_there_is_never_touched(bench: VolumeBench, path: Path) -> None:
    assert bench.volumes().make("data", 4 * SIZE_BYTES) == path
    assert bench.read(path, "file") == b"first"


def test_a_snapshot_brings_back_what_was_there(bench: VolumeBench, path: Path) -> None:
    taken = bench.volumes().snapshot("data", "before")
    assert (taken.volume, taken.name) == ("data", "before")
    assert taken.taken_at.tzinfo is not None
    assert taken.size_bytes > 0
    bench.write(path, "file", b"second")
    bench.write(path, "another", b"")
    bench.volumes().restore("data", "before")
    assert bench.names(path) == ["file"]
    assert bench.read(path, "file") == b"first"


def test_a_snapshot_can_be_restored_more_than_once(bench: VolumeBench, path: Path) -> None:
    bench.volumes().snapshot("data", "before")
    for _ in range(2):
        bench.volumes().restore("data", "before")
        assert bench.read(path, "file") == b"first"
        bench.write(path, "file", b"second")


def test_a_snapshot_taken_already_stays_as_it_is(bench: VolumeBench, path: Path) -> None:
    """So that whoever is not sure whether it was taken may ask again."""
    taken = bench.volumes().snapshot("data", "before")
    bench.write(path, "file", b"second")
    assert bench.volumes().snapshot("data", "before") == taken
    bench.volumes().restore("data", "before")
    assert bench.read(path, "file") == b"first"


def test_a_sound_snapshot_is_proven_with_the_files_in_it(bench: VolumeBench, path: Path) -> None:
    bench.write(path, "another", b"four")
    bench.volumes().snapshot("data", "before")
    proof = bench.volumes().verify("data", "before")
    assert (proof.files, proof.size_bytes) == (2, 9)


def test_a_damaged_snapshot_is_found_out_and_not_restored(bench: VolumeBench, path: Path) -> None:
    bench.volumes().snapshot("data", "before")
    bench.write(path, "file", b"second")
    bench.damage("data", "before", b"first")
    with pytest.raises(VerificationError):
        bench.volumes().verify("data", "before")
    with pytest.raises(VerificationError):
        bench.volumes().restore("data", "before")
    assert bench.read(path, "file") == b"second"


def test_a_volume_in_use_is_neither_restored_nor_destroyed(bench: VolumeBench, path: Path) -> None:
    bench.volumes().snapshot("data", "before")
    with bench.held(path):
        with pytest.raises(ConflictError):
            bench.volumes().restore("data", "before")
        with pytest.raises(ConflictError):
            bench.volumes().destroy("data")
    bench.volumes().restore("data", "before")
    assert bench.read(path, "file") == b"first"


def test_a_lost_volume_is_brought_back(bench: VolumeBench, path: Path) -> None:
    bench.volumes().snapshot("data", "before")
    bench.lose(path)
    bench.volumes().restore("data", "before")
    assert bench.read(path, "file") == b"first"


def test_snapshots_are_listed_the_oldest_first_until_they_are_forgotten(
    bench: VolumeBench, path: Path
) -> None:
    del path
    taken = [bench.volumes().snapshot("data", name) for name in ("b", "a")]
    assert bench.volumes().snapshots("data") == taken
    for _ in range(2):
        bench.volumes().forget_snapshot("data", "b")
    assert bench.volumes().snapshots("data") == taken[1:]


def test_nothing_is_left_of_a_destroyed_volume(bench: VolumeBench, path: Path) -> None:
    bench.volumes().snapshot("data", "before")
    for _ in range(2):
        bench.volumes().destroy("data")
    assert bench.volumes().snapshots("data") == []
    assert not path.exists()
    assert bench.names(bench.volumes().make("data", SIZE_BYTES)) == []


def test_volumes_do_not_see_each_other(bench: VolumeBench, path: Path) -> None:
    other = bench.volumes().make("data.2", SIZE_BYTES)
    bench.volumes().snapshot("data", "before")
    bench.volumes().destroy("data.2")
    assert other != path
    assert [each.name for each in bench.volumes().snapshots("data")] == ["before"]
    assert bench.read(path, "file") == b"first"


def test_what_is_absent_is_not_found(volumes: Volumes, path: Path) -> None:
    del path
    for volume in ("data", "ghost"):
        with pytest.raises(NotFoundError):
            volumes.verify(volume, "ghost")
        with pytest.raises(NotFoundError):
            volumes.restore(volume, "ghost")
    with pytest.raises(NotFoundError):
        volumes.snapshot("ghost", "before")
    assert volumes.snapshots("ghost") == []


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", ".a", "-a", "a" * 201, "a\n"])
def test_a_name_that_is_no_file_name_is_refused(volumes: Volumes, name: str) -> None:
    volumes.make("data", SIZE_BYTES)
    for refused in (
        lambda: volumes.make(name, SIZE_BYTES),
        lambda: volumes.snapshot("data", name),
        lambda: volumes.restore("data", name),
        lambda: volumes.forget_snapshot("data", name),
        lambda: volumes.destroy(name),
    ):
        with pytest.raises(InvalidInputError):
            refused()


@pytest.mark.parametrize("bench", ["directory", "disk"], indirect=True)
def test_a_restore_that_is_killed_leaves_a_whole_volume(
    bench: VolumeBench, path: Path, tmp_path: Path
) -> None:
    _fill(bench, path, b"one")
    bench.volumes().snapshot("data", "one")
    _fill(bench, path, b"two")
    bench.volumes().snapshot("data", "two")
    script = _RESTORE.format(bench=type(bench).__name__)
    for round_number in range(6):
        arguments = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(
            arguments, stdout=subprocess.PIPE, env={"PYTHONPATH": str(Path(__file__).parent)}
        ) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            time.sleep(0.02 * round_number)
            program.send_signal(signal.SIGKILL)
        assert bench.volumes().make("data", SIZE_BYTES) == path
        contents = {bench.read(path, name) for name in bench.names(path)}
        assert contents in ({b"one"}, {b"two"})
        assert bench.names(path) == ["a", "b", "file"]


def _fill(bench: VolumeBench, path: Path, content: bytes) -> None:
    for name in ("a", "b", "file"):
        bench.write(path, name, content)
