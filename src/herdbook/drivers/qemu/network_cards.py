"""Looks whether the network cards of a machine are there."""

import socket

from herdbook.core.errors import NotFoundError
from herdbook.fleet.instances import Wanted


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
