"""Decides how a machine is reached: by forwarded ports, or by network cards of its own."""

import socket

from herdbook.core.errors import NotFoundError
from herdbook.fleet.instances import PublishedPort, Wanted


def published(wanted: Wanted) -> tuple[PublishedPort, ...]:
    """Return the ports that are forwarded: none where a machine has an address of its own."""
    return wanted.ports if wanted.plugs is None else ()


def refuse_missing_taps(wanted: Wanted) -> None:
    """Raise NotFoundError for a tap that is not there: QEMU would make one that leads nowhere."""
    for tap in wanted.plugs.taps if wanted.plugs else ():
        try:
            socket.if_nametoindex(tap.device)
        except OSError:
            raise NotFoundError(
                f"There is no network card {tap.device!r} for the machine {wanted.name!r}",
                hint="Plug the instance into its networks first.",
            ) from None
