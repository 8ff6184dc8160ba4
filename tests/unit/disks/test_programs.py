"""Programs render the same bytes on every run, and a failure leaves no half of anything."""

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from herdbook.core.errors import NoSpaceError, StepFailedError, VerificationError
from herdbook.disks.rendering import DiskParts
from herdbook.drivers.rendering import ProgramRenderer, Tool

EPOCH_SECONDS = 1_750_000_000
MEBIBYTE = 1 << 20

needs_programs = pytest.mark.skipif(
    any(shutil.which(name) is None for name in ("mkfs.ext4", "mkfs.fat", "mcopy", "qemu-img")),
    reason="needs e2fsprogs, dosfstools, mtools and qemu-utils",
)


def renderer(script: str = "") -> ProgramRenderer:
    """Return a renderer whose mkfs.erofs is this shell script; its last argument is the target."""
    last = "for target; do :; done; "
    return ProgramRenderer(Tool(("sh", "-c", last + script, "sh")), epoch_seconds=EPOCH_SECONDS)


def folder_is_clean(target: Path) -> bool:
    return [path.name for path in target.parent.iterdir()] in ([], [target.name])


def test_the_root_is_made_from_all_pieces_of_the_archive(tmp_path: Path) -> None:
    target = tmp_path / "root"
    renderer('cat > "$target"').root(iter([b"a" * MEBIBYTE, b"b"]), target, "seed")
    assert target.read_bytes() == b"a" * MEBIBYTE + b"b"
    assert folder_is_clean(target)


def test_a_program_that_fails_is_quoted_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "root"
    failing = renderer('echo half > "$target"; echo "unknown option" >&2; exit 1')
    with pytest.raises(StepFailedError, match="unknown option"):
        failing.root([b"x" * MEBIBYTE] * 9, target, "seed")
    assert not target.exists()
    assert folder_is_clean(target)


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "root"
    target.write_bytes(b"old")
    with pytest.raises(StepFailedError):
        renderer("exit 1").root([], target, "seed")
    assert target.read_bytes() == b"old"


def test_an_archive_that_breaks_off_makes_no_root(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"the beginning"
        raise VerificationError("the layer is not what its digest says")

    target = tmp_path / "root"
    with pytest.raises(VerificationError):
        renderer('cat > "$target"').root(pieces(), target, "seed")
    assert folder_is_clean(target)
    assert not target.exists()


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    full = renderer('echo "write: No space left on device" >&2; exit 1')
    with pytest.raises(NoSpaceError):
        full.root([], tmp_path / "root", "seed")


@needs_programs
def test_a_writable_file_system_is_the_same_on_every_run_and_sparse(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    renderer().writable(first, 256 * MEBIBYTE, "seed")
    renderer().writable(second, 256 * MEBIBYTE, "seed")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size == 256 * MEBIBYTE
    assert first.stat().st_blocks * 512 < 64 * MEBIBYTE


@pytest.fixture
def parts(tmp_path: Path) -> DiskParts:
    kernel, root = tmp_path / "kernel", tmp_path / "root"
    kernel.write_bytes(b"MZ" + b"k" * MEBIBYTE)
    root.write_bytes(b"root" * MEBIBYTE)
    return DiskParts(kernel, root, writable_bytes=64 * MEBIBYTE)


@needs_programs
def test_a_disk_is_the_same_on_every_run(parts: DiskParts, tmp_path: Path) -> None:
    renderer().disk(parts, tmp_path / "disk-1", "seed")
    renderer().disk(parts, tmp_path / "disk-2", "seed")
    assert (tmp_path / "disk-1").read_bytes() == (tmp_path / "disk-2").read_bytes()


@needs_programs
def test_a_disk_holds_the_kernel_where_firmware_looks_for_it(
    parts: DiskParts, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    renderer().disk(parts, disk, "seed")
    content = disk.read_bytes()
    boot = content[MEBIBYTE : 65 * MEBIBYTE]
    assert boot[82:90] == b"FAT32   "
    assert b"BOOTX64 EFI" in boot
    assert parts.unified_kernel.read_bytes() in boot
    (root_sector,) = struct.unpack_from("<Q", content, 1024 + 128 + 32)
    assert content[root_sector * 512 :].startswith(parts.root.read_bytes())


@needs_programs
def test_qcow2_is_the_same_on_every_run(parts: DiskParts, tmp_path: Path) -> None:
    for name in ("1", "2"):
        renderer().qcow2(parts.root, tmp_path / name)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert (tmp_path / "1").read_bytes().startswith(b"QFI\xfb")
