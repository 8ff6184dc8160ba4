"""Volumes of machines: made once, mended, looked through, and told apart by content."""

import os
import shutil
from pathlib import Path

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.errors import (
    ConflictError,
    EngineError,
    NotFoundError,
    VerificationError,
)
from herdbook.drivers import process
from herdbook.drivers.copying import copy
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.file_systems import make_volume, mend, prove_ext4
from herdbook.drivers.qemu.image_lock import locked
from herdbook.drivers.qemu.volumes import DiskContent, disk_volumes, ready
from herdbook.fleet.instances import VolumeDisk

MEBIBYTE = 1 << 20

pytestmark = pytest.mark.skipif(
    shutil.which("e2fsck", path=f"{os.defpath}:/usr/sbin") is None, reason="needs e2fsprogs"
)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return disk_volumes(tmp_path, SystemClock()).make("shop_database-data", 16 * MEBIBYTE)


@pytest.fixture
def content(tmp_path: Path) -> DiskContent:
    return DiskContent(Directories(tmp_path), SystemClock())


def _debugfs(path: Path, *commands: str) -> str:
    result = process.run(["debugfs", "-w", "-f", "-", path], given="\n".join(commands).encode())
    return result.output


def _put(path: Path, name: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789")
    _debugfs(path, f"write {source} {name}")


def test_a_volume_is_sparse_private_and_of_whole_mebibytes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    make_volume(path, (256 << 20) - 5, "data")
    found = path.stat()
    assert found.st_size == 256 << 20
    assert found.st_blocks * 512 < 16 << 20
    assert found.st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


def test_a_volume_that_is_there_is_not_touched(volume: Path, tmp_path: Path) -> None:
    before = volume.stat()
    assert disk_volumes(tmp_path, SystemClock()).make(volume.name, 64 * MEBIBYTE) == volume
    assert volume.stat() == before


def test_a_volume_too_small_for_a_file_system_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="mkfs"):
        make_volume(tmp_path / "data", 0, "data")
    assert list(tmp_path.iterdir()) == []


def test_files_are_counted_in_every_directory(volume: Path, tmp_path: Path) -> None:
    _debugfs(volume, "mkdir one", "mkdir one/two", 'mkdir "a / b"')
    for name in ("file", "one/file", "one/two/file"):
        _put(volume, name, tmp_path)
    _debugfs(volume, "symlink link /file", "mknod pipe p")
    proof = prove_ext4(volume)
    assert (proof.files, proof.size_bytes) == (3, 30)


def test_a_damaged_file_system_is_no_proof(volume: Path, tmp_path: Path) -> None:
    _put(volume, "file", tmp_path)
    _debugfs(volume, "freeb 1 1000")
    with pytest.raises(VerificationError, match="damaged"):
        prove_ext4(volume)


def test_what_cannot_be_mended_by_itself_is_an_error(volume: Path) -> None:
    mend(volume)
    with volume.open("r+b") as stream:
        stream.write(bytes(volume.stat().st_size))
    with pytest.raises(EngineError, match="damaged"):
        mend(volume)


def test_a_locked_volume_is_used_by_nobody_else(volume: Path) -> None:
    with locked(volume):
        with pytest.raises(ConflictError), locked(volume):
            pass
        opened = process.run(["qemu-io", "-f", "raw", "-c", "read 0 512", volume])
        assert "lock" in opened.errors
    assert process.run(["qemu-io", "-f", "raw", "-c", "read 0 512", volume]).succeeded


def test_a_volume_in_use_is_ready_for_no_other_machine_but_for_readers(volume: Path) -> None:
    with locked(volume):
        with pytest.raises(ConflictError), ready((VolumeDisk(volume, "/data"),)):
            pass
        with ready((VolumeDisk(volume, "/data", read_only=True),)):
            pass


def test_an_absent_volume_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError), ready((VolumeDisk(tmp_path / "ghost", "/data"),)):
        pass


def test_a_fingerprint_says_nothing_of_holes_and_all_of_the_rest(
    content: DiskContent, tmp_path: Path
) -> None:
    sparse, full, other, longer = (tmp_path / name for name in ("a", "b", "c", "d"))
    data = b"x" * 100 + bytes(5 * MEBIBYTE) + b"y" + bytes(3 * MEBIBYTE)
    full.write_bytes(data)
    copy(full, sparse)
    other.write_bytes(data[:200] + b"z" + data[201:])
    longer.write_bytes(data + b"\0")
    assert sparse.stat().st_blocks < full.stat().st_blocks
    assert content.fingerprint(sparse) == content.fingerprint(full)
    fingerprints = {content.fingerprint(path) for path in (full, other, longer)}
    assert len(fingerprints) == 3
