"""Makes the initial RAM disk: busybox, the modules a root needs to be found, and one script."""

import lzma
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath

import zstandard

from herdbook.core.errors import InvalidInputError

REQUIRED_MODULES = ("virtio_pci", "virtio_blk", "overlay", "erofs", "ext4")
"""Without these, loaded or built in, no disk of ours boots."""

OPTIONAL_MODULES = (
    "crc32c_generic",
    "libcrc32c",
    "virtio_net",
    "virtio_console",
    "qemu_fw_cfg",
    "dmi-sysfs",
    "button",
    "evdev",
)
"""Loaded where the kernel has them: network, credentials and the power button need them."""

FOREIGN_MODULES = ("sd_mod", "virtio_scsi", "hv_storvsc", "vmw_pvscsi", "xen-blkfront", "nvme")
"""Where other hypervisors keep the disk; loaded only if the first ones did not bring a root."""

_INSIDE = (
    *("end-command", "herdbook-inside-end.service", "herdbook-inside-end.socket"),
    *("herdbook-inside.socket", "inside.conf", "take-command"),
)
"""What lets a machine's host run commands in it, where it has plugged in the ports for them."""

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"
_FILE = 0o100000
_DIRECTORY = 0o040000
_CHARACTER_DEVICE = 0o020000
_CONSOLE = (5, 1)


@dataclass(frozen=True)
class LoadOrder:
    """Paths below `/lib/modules/VERSION`, each after what it depends on.

    `first` is loaded on every boot; `foreign` only where the root was not found after that.
    """

    first: tuple[str, ...]
    foreign: tuple[str, ...]


@dataclass(frozen=True)
class Member:
    """One file of the archive; `device` is a (major, minor) pair for a device node."""

    path: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def load_order(dependencies: str, builtin: str) -> LoadOrder:
    """Return which modules to load and in which order.

    `dependencies` and `builtin` are the texts of the kernel's `modules.dep` and
    `modules.builtin`. A line of the former names a module and what it needs, the deepest last
    (modules.dep(5)), so the order to load in is the reverse. Raises InvalidInputError where a
    required module is in neither.
    """
    needs = dict(_parse_dependencies(dependencies))
    paths = {_module_name(path): path for path in needs}
    built_in = {_module_name(path) for path in builtin.split()}
    for name in REQUIRED_MODULES:
        if _canonical(name) not in paths and _canonical(name) not in built_in:
            raise InvalidInputError(
                f"The kernel has no module {name!r}, so it cannot boot this image",
                hint="Use a Debian kernel package such as linux-image-cloud-amd64.",
            )
    first = _with_dependencies((*REQUIRED_MODULES, *OPTIONAL_MODULES), paths, needs)
    foreign = _with_dependencies(FOREIGN_MODULES, paths, needs)
    return LoadOrder(first, tuple(path for path in foreign if path not in first))


def make_initrd(
    busybox: bytes,
    first: Sequence[tuple[str, bytes]],
    foreign: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Return an uncompressed newc archive: equal arguments give equal bytes.

    The modules are (file name, content as the package has it) in load order. It is not
    compressed because unpacking it, under emulation above all, takes longer than reading it.
    """
    own = resources.files("herdbook.disks")
    members = [
        *(Member(name, _DIRECTORY | 0o755) for name in ("bin", "dev", "inside", "modules")),
        Member("bin/busybox", _FILE | 0o755, busybox),
        # The kernel opens it before /init runs: without it nobody hears what went wrong.
        Member("dev/console", _CHARACTER_DEVICE | 0o600, device=_CONSOLE),
        Member("init", _FILE | 0o755, (own / "init.sh").read_bytes()),
        *(
            Member(f"inside/{name}", _FILE | 0o644, (own / "inside" / name).read_bytes())
            for name in _INSIDE
        ),
        *_module_members("first", first),
        *_module_members("foreign", foreign),
    ]
    return cpio(members)


def cpio(members: Iterable[Member]) -> bytes:
    """Return a newc archive, all root's and of the year 1970 (kernel: early-userspace format)."""
    parts = [_record(number, member) for number, member in enumerate(members, start=1)]
    return b"".join([*parts, _record(0, Member(_TRAILER, 0))])


def decompressed(name: str, content: bytes) -> tuple[str, bytes]:
    """Return a module's name and content as `insmod` takes them: busybox unpacks neither format."""
    if name.endswith(".xz"):
        return name.removesuffix(".xz"), lzma.decompress(content)
    if name.endswith(".zst"):
        return name.removesuffix(".zst"), zstandard.ZstdDecompressor().decompressobj().decompress(
            content
        )
    return name, content


def _module_members(stage: str, modules: Sequence[tuple[str, bytes]]) -> Iterator[Member]:
    """Yield the modules under names whose alphabetical order is the load order."""
    yield Member(f"modules/{stage}", _DIRECTORY | 0o755)
    for number, (name, content) in enumerate(modules):
        plain_name, plain = decompressed(PurePosixPath(name).name, content)
        yield Member(f"modules/{stage}/{number:03}-{plain_name}", _FILE | 0o644, plain)


def _record(number: int, member: Member) -> bytes:
    name = member.path.encode() + b"\0"
    fields = (
        number,
        member.mode,
        0,  # owner
        0,  # group
        1,  # links
        0,  # time
        len(member.content),
        0,  # major and minor number of the device the file came from
        0,
        *member.device,
        len(name),
        0,  # a checksum, which this variant of the format does not use
    )
    head = _MAGIC + b"".join(b"%08x" % field for field in fields) + name
    return _aligned(head) + _aligned(member.content)


def _aligned(piece: bytes) -> bytes:
    return piece + bytes(-len(piece) % 4)


def _parse_dependencies(text: str) -> Iterator[tuple[str, list[str]]]:
    for line in text.splitlines():
        path, _, needed = line.partition(":")
        if path:
            yield path, needed.split()


def _with_dependencies(
    names: Iterable[str], paths: dict[str, str], needs: dict[str, list[str]]
) -> tuple[str, ...]:
    order: dict[str, None] = {}
    for name in names:
        path = paths.get(_canonical(name))
        if path is not None:
            order.update(dict.fromkeys([*reversed(needs[path]), path]))
    return tuple(order)


def _module_name(path: str) -> str:
    return _canonical(PurePosixPath(path).name.partition(".")[0])


def _canonical(name: str) -> str:
    return name.replace("-", "_")
