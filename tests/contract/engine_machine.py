"""Writes a machine with the service under test: Debian's cloud kernel and an initrd of our own."""

import re
from pathlib import Path

import engine_service

from herdbook.drivers import process
from herdbook.fleet.instances import MachineArtefact

_MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"),
    *("failover", "net_failover", "virtio_net", "virtio_blk"),
)

_INIT = """\
#!/bin/sh
export PATH=/bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
echo 0 >/proc/sys/kernel/ctrl-alt-del
for module in MODULES; do insmod /modules/$module.ko; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
export CREDENTIALS_DIRECTORY=/run/credentials
mkdir -p $CREDENTIALS_DIRECTORY
for disk in /sys/block/vd*; do
    [ "$(cat $disk/serial)" != herdbook-secrets ] || tar -x -f /dev/${disk##*/} -C /run
done
for secret in /run/herdbook.secret.*; do
    cp "$secret" "$CREDENTIALS_DIRECTORY/${secret#/run/herdbook.secret.}"
done
set -a
[ ! -e /run/herdbook.environment ] || . /run/herdbook.environment
cat /sys/block/*/serial >/www/disks
service >/dev/ttyS1 2>&1 &
service=$!
trap 'kill -TERM $service' INT
while kill -0 $service; do
    wait $service
    status=$?
done
[ "$status" != 99 ] || exit 1
[ "$status" = 0 ] || echo "<2>herdbook: failed: the service ended with status $status" >/dev/kmsg
poweroff -f
"""
"""Process 1: hands credentials on, passes Ctrl-Alt-Del to the service, panics on status 99."""


def write_machine(directory: Path, cache: Path) -> MachineArtefact:
    """`cache` keeps the kernel for the next session."""
    kernel, modules = fetch_kernel(cache)
    initrd, root = directory / "initrd", directory / "root.erofs"
    initrd.write_bytes(_initrd(modules))
    root.write_bytes(bytes(1 << 20))  # never mounted here
    return MachineArtefact(kernel, initrd, root)


def write_bootable_disk(directory: Path, machine: MachineArtefact) -> Path:
    """A whole disk for UEFI: its shell starts the kernel by the script it finds there."""
    script = directory / "startup.nsh"
    script.write_text("fs0:\r\nkernel.efi initrd=\\initrd console=ttyS0 panic=-1\r\n", "ascii")
    disk = directory / "disk.raw"
    with disk.open("wb") as stream:
        stream.truncate(48 << 20)
    process.run(["mkfs.fat", "-F", "32", disk])
    for source, name in ((machine.kernel, "kernel.efi"), (machine.initrd, "initrd"), (script, "")):
        copied = process.run(["mcopy", "-i", disk, source, f"::{name}"])
        assert copied.succeeded, copied.errors
    return disk


def fetch_package(package: str, cache: Path, name: str) -> Path:
    """Unpack one of Debian's packages below the cache, once."""
    if (cache / name).is_dir():
        return cache / name
    process.run(["apt-get", "update", "-qq"])  # a fresh machine has no lists, an old one stale ones
    fetched = process.run(["apt-get", "download", package], directory=cache)
    assert fetched.succeeded, fetched.last_words
    (archive,) = cache.glob("*.deb")
    process.run(["dpkg-deb", "-x", archive, cache / f"{name}.partial"])
    archive.unlink()
    return (cache / f"{name}.partial").rename(cache / name)


def fetch_kernel(cache: Path) -> tuple[Path, Path]:
    """The kernel, and the folder of its modules."""
    if not (cache / "kernel").is_dir():
        process.run(["apt-get", "update", "-qq"])
        shown = process.run(["apt-cache", "show", "linux-image-cloud-amd64"]).output
        package = re.search(r"^Depends: (linux-image-\S+)", shown, re.MULTILINE)
        assert package is not None, "apt knows no linux-image-cloud-amd64"
        fetch_package(package[1], cache, "kernel")
    (kernel,) = (cache / "kernel" / "boot").glob("vmlinuz-*")
    (modules,) = (cache / "kernel" / "lib" / "modules").iterdir()
    return kernel, modules


def _initrd(modules: Path) -> bytes:
    entries = [_entry(name, 0o040755, b"") for name in (*engine_service.directories(), "modules")]
    entries += [_entry(name, 0o100755, data) for name, data in engine_service.programs().items()]
    entries += [_entry(name, 0o120777, to.encode()) for name, to in engine_service.links().items()]
    for name in _MODULES:
        (module,) = modules.rglob(f"{name}.ko")
        entries.append(_entry(f"modules/{name}.ko", 0o100644, module.read_bytes()))
    init = _INIT.replace("MODULES", " ".join(_MODULES))
    entries.append(_entry("init", 0o100755, init.encode()))
    entries.append(_entry("TRAILER!!!", 0, b""))
    return b"".join(entries)


def _entry(name: str, mode: int, content: bytes) -> bytes:
    """One entry of a cpio archive in the `newc` format, as the kernel unpacks it."""
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
    header = b"070701" + "".join(f"{field:08x}" for field in fields).encode()
    return _padded(header + name.encode() + b"\0") + _padded(content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
