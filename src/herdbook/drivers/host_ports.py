"""Finds out whether the ports of this machine that an instance wants are free."""

import errno
import socket
from collections.abc import Iterable

from herdbook.core.errors import ConflictError
from herdbook.fleet.instances import PublishedPort


def refuse_taken_ports(ports: Iterable[PublishedPort]) -> None:
    """Raise ConflictError that names the first port some other program listens on.

    An engine must still watch for the error itself: the port can be taken a moment later.
    """
    for port in ports:
        if is_taken(port.host_address, port.host_port):
            raise port_conflict(port)


def port_conflict(port: PublishedPort) -> ConflictError:
    """Say that a port is taken, and what to do about it."""
    return ConflictError(
        f"Port {port.host_port} of {port.host_address} is already in use",
        hint=f"See who uses it with: ss -ltnp 'sport = :{port.host_port}'",
    )


def is_taken(address: str, port: int) -> bool:
    """Tell whether some program listens on a port."""
    error = listening_error(address, port)
    # Other failures (a low port, a foreign address) whoever starts there explains better.
    return error is not None and error.errno == errno.EADDRINUSE


def listening_error(address: str, port: int) -> OSError | None:
    """Return why nobody could begin to listen on a port of this machine now; None if one could."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # Connections that ended a minute ago do not take a port; a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error
    return None
