"""Finds the UEFI firmware that this system's packages brought along."""

from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import MissingToolError

_PLACES = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),  # Debian, Ubuntu
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),  # Fedora
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
)


@dataclass(frozen=True)
class Firmware:
    """UEFI code, shared and only read, and the variables each machine gets a copy of."""

    code: Path
    variables: Path


def find_firmware() -> Firmware:
    """Return the firmware; raises MissingToolError where there is none."""
    for code, variables in _PLACES:
        if Path(code).exists() and Path(variables).exists():
            return Firmware(Path(code), Path(variables))
    raise MissingToolError(
        "There is no UEFI firmware to boot a whole disk with",
        hint="Install it with: apt-get install ovmf",
    )
