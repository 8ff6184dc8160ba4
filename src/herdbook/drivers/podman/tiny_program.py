"""Makes the smallest Linux program there is: it ends with status 0, and needs nothing."""

import platform
import struct
from pathlib import Path

from herdbook.core.errors import MissingToolError

_LOAD_ADDRESS = 0x400000
_FILE_HEADER_BYTES = 64
_PROGRAM_HEADER_BYTES = 56

# What each kernel calls exit(0), and the ELF number of the machine (elf.h).
_CODE = {
    # mov eax, 60; xor edi, edi; syscall
    "x86_64": (62, bytes.fromhex("b83c000000 31ff 0f05")),
    # mov x0, #0; mov x8, #93; svc #0
    "aarch64": (183, bytes.fromhex("000080d2 a80b80d2 010000d4")),
}


def tiny_program(machine: str) -> bytes:
    """Return a static ELF program for `machine`, as `uname -m` names it.

    Raises MissingToolError for a machine we have no code for.
    """
    if machine not in _CODE:
        raise MissingToolError(f"No container was ever tried on a {machine} machine")
    number, code = _CODE[machine]
    headers_bytes = _FILE_HEADER_BYTES + _PROGRAM_HEADER_BYTES
    size = headers_bytes + len(code)
    identification = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")  # 64 bit, little-endian, version 1
    file_header = struct.pack(
        "<HHIQQQIHHHHHH",
        2,  # an executable
        number,
        1,  # the version
        _LOAD_ADDRESS + headers_bytes,  # where it begins
        _FILE_HEADER_BYTES,  # where the program headers are
        0,  # no sections
        0,  # no flags
        _FILE_HEADER_BYTES,
        _PROGRAM_HEADER_BYTES,
        1,  # one program header
        *(0, 0, 0),  # no sections
    )
    program_header = struct.pack(
        "<IIQQQQQQ", 1, 5, 0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000
    )  # load all of it, readable and executable
    return identification + file_header + program_header + code


def write_tiny_root(directory: Path) -> None:
    """Make `directory` a root file system that holds nothing but `/exit`."""
    program = directory / "exit"
    program.write_bytes(tiny_program(platform.machine()))
    program.chmod(0o755)
