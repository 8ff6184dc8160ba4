"""Says by IPv6 what routers say: all who hear it get an address below 2001:db8:bad::/64.

usage: router_advertisement.py DEVICE

To be run inside a container's namespace. No way out is offered, and the address is good for a
minute only.
"""

import socket
import struct
import sys
from pathlib import Path

_TO_ALL_DEVICES = bytes.fromhex("333300000001")
_PREFIX = socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
_FROM = socket.inet_pton(socket.AF_INET6, "fe80::bad")
_TO = socket.inet_pton(socket.AF_INET6, "ff02::1")
_ICMP = 58
_GOOD_SECONDS = 60


def checksum(content: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(content) // 2}H", content))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def advertisement(hardware_address: bytes) -> bytes:
    good = (_GOOD_SECONDS, _GOOD_SECONDS)
    prefix = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, *good, 0, _PREFIX)
    body = struct.pack(">BBHII", 64, 0, 0, 0, 0) + prefix + b"\1\1" + hardware_address
    pseudo_header = _FROM + _TO + struct.pack(">II", len(body) + 4, _ICMP)
    total = checksum(pseudo_header + struct.pack(">BBH", 134, 0, 0) + body)
    message = struct.pack(">BBH", 134, 0, total) + body
    header = struct.pack(">IHBB", 6 << 28, len(message), _ICMP, 255) + _FROM + _TO
    return _TO_ALL_DEVICES + hardware_address + b"\x86\xdd" + header + message


def main(device: str) -> None:
    text = Path(f"/sys/class/net/{device}/address").read_text(encoding="ascii").strip()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((device, 0))
        sender.send(advertisement(bytes.fromhex(text.replace(":", ""))))


if __name__ == "__main__":
    main(*sys.argv[1:])
