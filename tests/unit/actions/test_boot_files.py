"""What machines boot from is made for each kernel, and not for each image."""

from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pytest
from stores import Store, open_store

from herdbook.actions.boot_files import BootFiles, boot_files
from herdbook.actions.keep_layers import file_entry, kept_layers
from herdbook.core.errors import VerificationError
from herdbook.disks.initrd import REQUIRED_MODULES
from herdbook.images.documents import LayerReference
from herdbook.layers.tree import Entry, tree_of
from herdbook.layers.writing import tar_pieces

MODULES = "usr/lib/modules/6.1.0"
KERNEL = {
    "boot/vmlinuz-6.1.0": b"kernel",
    f"{MODULES}/modules.dep": b"".join(f"{each}.ko:\n".encode() for each in REQUIRED_MODULES),
    f"{MODULES}/modules.builtin": b"",
    **{f"{MODULES}/{each}.ko": each.encode() for each in REQUIRED_MODULES},
}
BUSYBOX = "usr/bin/busybox"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "state")


def layer(store: Store, **files: bytes) -> LayerReference:
    """Keep a layer with files, by path."""
    held = tree_of(file_entry(path, content, 0o644, 0) for path, content in files.items())

    def contents(entry: Entry) -> BinaryIO:
        return BytesIO(files[entry.path])

    digest, size = store.workshop.layers.write(tar_pieces(held.values(), contents))
    store.workshop.layers.set_tree(digest, held)
    return LayerReference("layer", digest, size)


def booting(store: Store, busybox: bytes, **more: bytes) -> BootFiles:
    """Return what an image with this busybox, and more on top, boots from."""
    layers = [layer(store, **KERNEL), layer(store, **{BUSYBOX: busybox}), layer(store, **more)]
    return boot_files(store.workshop, kept_layers(store.workshop, layers))


def test_images_with_the_same_kernel_and_busybox_share_what_they_boot_from(store: Store) -> None:
    one, other = booting(store, b"busybox", a=b"one"), booting(store, b"busybox", a=b"other")
    assert one == other
    assert one.kernel.read_bytes() == b"kernel"
    assert b"busybox" in one.initrd.read_bytes()


def test_a_patch_of_what_an_initrd_embeds_makes_it_anew_and_leaves_the_old_one(
    store: Store,
) -> None:
    before, after = booting(store, b"old busybox"), booting(store, b"new busybox")
    assert before.initrd != after.initrd
    assert b"old busybox" in before.initrd.read_bytes()
    assert b"new busybox" in after.initrd.read_bytes()


def test_an_image_with_two_kernels_is_refused(store: Store) -> None:
    with pytest.raises(VerificationError, match="2 kernels"):
        booting(store, b"busybox", **{"boot/vmlinuz-6.2.0": b"another"})
