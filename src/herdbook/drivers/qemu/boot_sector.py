"""Makes the disk of a tiny guest that counts in protected mode and then ends QEMU."""

import struct

EXIT_PORT = 0xF4
"""The port of QEMU's `isa-debug-exit` device the guest writes to."""

EXIT_STATUS = 33
"""How QEMU ends when the guest wrote 16 there: the device makes it twice that and one."""

_COUNT = 100_000_000
_LOADED_AT = 0x7C00
_SECTOR_BYTES = 512
_DISK_BYTES = 1 << 20  # SeaBIOS does not boot a disk of less than a cylinder


def boot_disk() -> bytes:
    """Return a raw disk image whose first sector is the guest.

    Entering protected mode and counting there is what tells a KVM that runs guests from one that
    interprets every instruction of a guest's kernel: the latter needs half a minute for what
    takes 0.05 s otherwise. A guest that does nothing would start on both.
    """
    beginning = bytes.fromhex(
        "fa"  # cli
        "31c0 8ed8"  # xor ax, ax; mov ds, ax
        "0f0116"  # lgdt [address that follows]
    )
    to_protected = bytes.fromhex(
        "0f20c0 0c01 0f22c0"  # mov eax, cr0; or al, 1; mov cr0, eax
        "66ea"  # jmp selector:offset that follow
    )
    counting = b"\xb9" + struct.pack("<I", _COUNT)  # mov ecx, count
    counting += bytes.fromhex("49 75fd")  # again: dec ecx; jnz again
    counting += bytes([0xB0, 0x10, 0xE6, EXIT_PORT])  # mov al, 16; out EXIT_PORT, al
    counting += bytes.fromhex("f4 ebfd")  # wait: hlt; jmp wait
    counting_at = _LOADED_AT + len(beginning) + 2 + len(to_protected) + 6
    table_at = -(-(counting_at + len(counting)) // 8) * 8
    table = bytes(8) + bytes.fromhex("ffff0000009acf00")  # flat 32-bit code, selector 8
    code = beginning + struct.pack("<H", table_at + len(table)) + to_protected
    code += struct.pack("<IH", counting_at, 8) + counting
    code = code.ljust(table_at - _LOADED_AT, b"\0") + table
    code += struct.pack("<HI", len(table) - 1, table_at)
    return (code.ljust(_SECTOR_BYTES - 2, b"\0") + b"\x55\xaa").ljust(_DISK_BYTES, b"\0")
