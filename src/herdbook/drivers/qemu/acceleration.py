"""Finds out by trying whether KVM really speeds machines up here, and remembers the answer."""

import os
import tempfile
from pathlib import Path

from herdbook.core.errors import TimeoutExpiredError
from herdbook.drivers import findings, process
from herdbook.drivers.qemu.boot_sector import EXIT_PORT, EXIT_STATUS, boot_disk

QEMU = "qemu-system-x86_64"
KVM = "kvm"
TCG = "tcg"

PROCESSOR = {KVM: "host", TCG: "qemu64"}
"""The processor a machine sees; under TCG `max` costs a quarter more time than `qemu64`."""

_DEVICE = Path("/dev/kvm")
_LIMIT_SECONDS = 5.0


def qemu_version() -> str:
    """Return QEMU's version; raises MissingToolError where it is not installed."""
    words = process.run([QEMU, "--version"]).output.split()
    return words[3] if words[:3] == ["QEMU", "emulator", "version"] else ""


def find_accelerator(path: Path) -> str:
    """Return `kvm` where it works, `tcg` otherwise; `path` is where the finding is kept.

    The device can exist and yet abort QEMU, hang, or be slower than TCG, so a guest is booted.
    """
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return TCG
    program = findings.program_stamp(QEMU)
    found = findings.recall(path, program)
    if found is None:
        found = (KVM if _kvm_works(path.parent) else TCG,)
        findings.remember(path, program, found)
    return found[0]


def trial_command(disk: Path, accelerator: str) -> list[str]:
    """Return what boots the tiny guest of `boot_sector` and ends with its exit status."""
    file_name = str(disk).replace(",", ",,")
    return [
        QEMU,
        *("-machine", f"q35,accel={accelerator}", "-cpu", PROCESSOR[accelerator], "-m", "64M"),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=1"),
        *("-drive", f"file={file_name},format=raw,if=none,id=trial,readonly=on"),
        *("-device", "virtio-blk-pci,drive=trial,bootindex=0"),
    ]


def _kvm_works(directory: Path) -> bool:
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=directory, prefix="trial-", suffix=".raw") as disk:
        disk.write(boot_disk())
        disk.flush()
        try:
            result = process.run(trial_command(Path(disk.name), KVM), limit_seconds=_LIMIT_SECONDS)
        except TimeoutExpiredError:
            return False
    return result.status == EXIT_STATUS
