"""The initial RAM disk holds what the kernel needs to find the root, always in the same bytes."""

import lzma
from collections.abc import Iterator

import pytest
import zstandard

from herdbook.core.errors import InvalidInputError
from herdbook.disks import initrd
from herdbook.drivers.qemu.ports_inside import PORT_NAMES, Lane

DEPENDENCIES = """\
kernel/drivers/virtio/virtio_pci.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/fs/overlayfs/overlay.ko:
kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/drivers/firmware/dmi-sysfs.ko:
kernel/drivers/scsi/sd_mod.ko: kernel/drivers/scsi/scsi_mod.ko
kernel/drivers/scsi/scsi_mod.ko:
kernel/fs/btrfs/btrfs.ko: kernel/lib/libcrc32c.ko.xz
"""  # noqa: E501 - as depmod writes it
BUILTIN = "kernel/fs/ext4/ext4.ko\nkernel/drivers/nvme/host/nvme.ko\n"


def names(paths: tuple[str, ...]) -> list[str]:
    return [path.rpartition("/")[2] for path in paths]


def read_cpio(archive: bytes) -> Iterator[tuple[str, list[int], bytes]]:
    """Read the newc format, independently of the code under test."""
    offset = 0
    while True:
        assert offset % 4 == 0
        assert archive[offset : offset + 6] == b"070701"
        digits = archive[offset + 6 : offset + 110]
        fields = [int(digits[at : at + 8], 16) for at in range(0, 104, 8)]
        name_end = offset + 110 + fields[11]
        name = archive[offset + 110 : name_end - 1].decode()
        if name == "TRAILER!!!":
            return
        start = -(-name_end // 4) * 4
        yield name, fields, archive[start : start + fields[6]]
        offset = -(-(start + fields[6]) // 4) * 4


def test_modules_are_loaded_after_what_they_need() -> None:
    order = initrd.load_order(DEPENDENCIES, BUILTIN)
    first = names(order.first)
    assert first.index("virtio_ring.ko") < first.index("virtio.ko") < first.index("virtio_pci.ko")
    assert first.index("libcrc32c.ko.xz") < first.index("erofs.ko.xz")


def test_a_module_is_loaded_once_and_only_if_wanted() -> None:
    order = initrd.load_order(DEPENDENCIES, BUILTIN)
    assert len(set(order.first)) == len(order.first)
    assert "btrfs.ko" not in names(order.first)


def test_built_in_modules_are_left_out() -> None:
    order = initrd.load_order(DEPENDENCIES, BUILTIN)
    assert "ext4.ko" not in names(order.first)
    assert names(order.foreign) == ["scsi_mod.ko", "sd_mod.ko"]


def test_hyphens_and_underscores_name_the_same_module() -> None:
    order = initrd.load_order(DEPENDENCIES.replace("dmi-sysfs", "dmi_sysfs"), BUILTIN)
    assert "dmi_sysfs.ko" in names(order.first)


def test_a_kernel_that_cannot_boot_our_disks_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="ext4"):
        initrd.load_order(DEPENDENCIES, "")


def test_the_archive_holds_the_script_busybox_and_modules_in_load_order() -> None:
    archive = initrd.make_initrd(
        b"BUSYBOX", [("kernel/z.ko", b"Z"), ("kernel/a.ko", b"AA")], [("kernel/s.ko", b"S")]
    )
    contents = {name: content for name, _, content in read_cpio(archive)}
    assert contents["bin/busybox"] == b"BUSYBOX"
    assert contents["init"].startswith(b"#!/bin/busybox sh\n")
    assert contents["modules/first/000-z.ko"] == b"Z"
    assert contents["modules/first/001-a.ko"] == b"AA"
    assert contents["modules/foreign/000-s.ko"] == b"S"


def test_the_script_looks_for_the_ports_that_engines_plug_in_and_finds_all_it_lays() -> None:
    contents = {name: content for name, _, content in read_cpio(initrd.make_initrd(b"B", []))}
    script = contents["init"].decode()
    inside = {name.removeprefix("inside/") for name in contents if name.startswith("inside/")}
    assert inside == {
        *("herdbook-inside.socket", "herdbook-inside-end.socket", "herdbook-inside-end.service"),
        *("inside.conf", "take-command", "end-command"),
    }
    for port in ("commands", "errors", "end"):
        assert f'find_port "$2.{port}")' in script
    for lane in Lane:
        assert f"take_commands herdbook-{lane.value} {PORT_NAMES[lane]}\n" in script


def test_programs_are_executable_and_the_console_is_a_device() -> None:
    fields = {name: values for name, values, _ in read_cpio(initrd.make_initrd(b"B", []))}
    assert fields["init"][1] == 0o100755
    assert fields["bin/busybox"][1] == 0o100755
    assert fields["dev/console"][1] == 0o020600
    assert fields["dev/console"][9:11] == [5, 1]


def test_equal_arguments_give_equal_bytes() -> None:
    assert initrd.make_initrd(b"B", [("a.ko", b"A")]) == initrd.make_initrd(b"B", [("a.ko", b"A")])


def test_a_directory_comes_before_what_is_in_it() -> None:
    members = [name for name, _, _ in read_cpio(initrd.make_initrd(b"B", [("a.ko", b"A")]))]
    for name in members:
        parent = name.rpartition("/")[0]
        assert not parent or members.index(parent) < members.index(name)


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("a.ko", b"module"),
        ("a.ko.xz", lzma.compress(b"module", check=lzma.CHECK_CRC32)),
        ("a.ko.zst", zstandard.ZstdCompressor().compress(b"module")),
        ("a.ko.zst", zstandard.ZstdCompressor(write_content_size=False).compress(b"module")),
    ],
)
def test_packed_modules_are_unpacked(name: str, packed: bytes) -> None:
    assert initrd.decompressed(name, packed) == ("a.ko", b"module")
