"""Makes the files a machine may write to; what it was started from is shared and only read."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import NotFoundError
from herdbook.drivers import process
from herdbook.drivers.qemu.file_systems import make_ext4
from herdbook.drivers.qemu.firmware import Firmware, find_firmware
from herdbook.fleet.instances import MachineArtefact, Wanted

_QCOW2_MAGIC = b"QFI\xfb"


@dataclass(frozen=True)
class Storage:
    """A machine's own files: `writable` is its data disk, the other two are for whole disks."""

    writable: Path | None = None
    overlay: Path | None = None
    firmware: Firmware | None = None


def make_storage(wanted: Wanted, artefact: MachineArtefact, directory: Path) -> Storage:
    """Make what `wanted` needs in `directory`.

    Raises NotFoundError for a missing part of the artefact, NoSpaceError where the disk is full,
    MissingToolError where the means to make it are not installed.
    """
    _check_parts(artefact)
    writable = None
    if wanted.writable_bytes:
        writable = directory / "writable.ext4"
        make_ext4(writable, wanted.writable_bytes, "herdbook-rw")
    if artefact.disk is None:
        return Storage(writable)
    overlay = directory / "disk.qcow2"
    _make_overlay(overlay, artefact.disk.resolve())
    shared = find_firmware()
    variables = directory / "firmware-variables.fd"
    shutil.copyfile(shared.variables, variables)
    return Storage(writable, overlay, Firmware(shared.code, variables))


def disk_format(disk: Path) -> str:
    """Return `qcow2` or `raw`: told, not left to QEMU, which a guest's first bytes could fool."""
    with disk.open("rb") as stream:
        return "qcow2" if stream.read(len(_QCOW2_MAGIC)) == _QCOW2_MAGIC else "raw"


def _check_parts(artefact: MachineArtefact) -> None:
    direct = (artefact.kernel, artefact.initrd, artefact.root)
    for part in direct if artefact.disk is None else (artefact.disk,):
        if not part.is_file():
            raise NotFoundError("A part of the machine's image is missing", where=str(part))


def _make_overlay(path: Path, disk: Path) -> None:
    backing = ("-F", disk_format(disk), "-b", str(disk))
    result = process.run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, path])
    result.refuse_failure("qemu-img failed")
