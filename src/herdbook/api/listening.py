"""Says where the server listens, and opens that; in the clear only on this machine itself."""

import errno
import ipaddress
import re
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.server.settings import Settings

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})")
_MOST_PORT = 65535
_WAITING = 128
"""So many connections wait to be taken."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Listening:
    """An address and a port; with a certificate and its key, TLS is spoken there.

    Port 0 is any that is free.
    """

    host: str
    port: int
    certificate: Path | None = None
    key: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether what goes over it is sealed."""
        return self.certificate is not None

    def addresses(self) -> list[str]:
        """Return the addresses behind the host; raises InvalidInputError where there are none."""
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", "a part of it is empty or too long")
            raise InvalidInputError(
                f"{self.host} is no address: {why}", hint="Write 127.0.0.1:PORT."
            ) from error
        return list(dict.fromkeys(str(each[4][0]) for each in found))

    def is_local(self) -> bool:
        """Tell whether nobody but this machine's own programs can reach it."""
        return all(_is_loopback(each) for each in self.addresses())


def listening(settings: Settings) -> Listening | None:
    """Return where to listen by the settings; None where nobody wants that.

    Raises InvalidInputError for what is no address, and for one that others can reach without TLS.
    """
    if not settings.listen:
        return None
    match = _ADDRESS.fullmatch(settings.listen)
    if match is None or int(match["port"]) > _MOST_PORT:
        raise InvalidInputError(
            f"{settings.listen!r} is no address to listen at",
            hint="Write ADDRESS:PORT, such as 127.0.0.1:5000.",
        )
    if (settings.certificate is None) != (settings.key is None):
        raise InvalidInputError(
            "A certificate and its key go together", hint="Give both, or neither."
        )
    found = Listening(
        match["host"].strip("[]"), int(match["port"]), settings.certificate, settings.key
    )
    if not found.tls and not found.is_local():
        raise InvalidInputError(
            f"Others can reach {settings.listen}, where images would go in the clear",
            hint="Give --certificate FILE --key FILE, or listen at 127.0.0.1.",
        )
    return found


def opened(where: Listening) -> list[socket.socket]:
    """Return a socket for each address; raises ConflictError where one is taken.

    Raises InvalidInputError where one is not this machine's.
    """
    found: list[socket.socket] = []
    port = where.port
    with ExitStack() as failing:
        for address in where.addresses():
            made = _open(address, port)
            if made is None and found:
                continue  # a name may have an address that this machine does not have
            if made is None:
                raise InvalidInputError(f"{address} is no address of this machine")
            failing.callback(made.close)
            found.append(made)
            port = int(made.getsockname()[1])
        failing.pop_all()
    return found


def port_of(sockets: Sequence[socket.socket]) -> int:
    """Return the port that all of them have."""
    return int(sockets[0].getsockname()[1])


def _open(address: str, port: int) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        made = socket.create_server((address, port), family=family, backlog=_WAITING)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            return None
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(
                f"{address}:{port} is taken by another program",
                hint=f"See which: ss -ltnp 'sport = :{port}'; or listen at another port.",
            ) from error
        raise InvalidInputError(
            f"Nothing can listen at {address}:{port}: {error.strerror}"
        ) from error
    # Connections inherit it; else the end of an answer waits 40 ms for word that its head is there.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
