"""Looks at the network of this machine: free ports, and whether a service answers."""

import http.client
import socket
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from herdbook.drivers.host_ports import is_taken

_ROUTES = Path("/proc/net/route")
_FIRST_ERROR_STATUS = 400


class HostNetwork:
    """Looks at this machine only; nothing here leaves it unless an instance is published beyond."""

    def free_port(self) -> int:
        """Return a TCP port of this machine that nobody uses now."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def is_taken(self, address: str, port: int) -> bool:
        """Tell whether somebody listens at a TCP port of an address of this machine."""
        return is_taken(address, port)

    def subnets(self) -> list[IPv4Network]:
        """Return the networks this machine has a way to, but for the way to all others."""
        rows = (line.split() for line in _ROUTES.read_text(encoding="ascii").splitlines()[1:])
        found = (_subnet(row[1], row[7]) for row in rows)
        return [each for each in found if each.prefixlen]

    def answers(self, address: str, port: int, path: str, limit_seconds: float = 1.0) -> bool:
        """Tell whether an HTTP GET is answered with 2xx or 3xx within the limit."""
        connection = http.client.HTTPConnection(address, port, timeout=limit_seconds)
        try:
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse().status < _FIRST_ERROR_STATUS
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _subnet(destination: str, mask: str) -> IPv4Network:
    """Read the kernel's hexadecimal numbers: addresses as this machine has them in memory."""
    address, bits = (IPv4Address(bytes.fromhex(number)[::-1]) for number in (destination, mask))
    return IPv4Network(f"{address}/{bits}")
