"""Asks one instance over the network, a step whenever the kernel has something to say."""

import errno
import os
import socket

from herdbook.drivers.probes.replies import MOST_BYTES, judge, request
from herdbook.fleet.probes import ProbeKind, ProbeTarget

_UNDER_WAY = {errno.EINPROGRESS, errno.EAGAIN, errno.EALREADY, errno.ENOTCONN}


class Exchange:
    """One connection to an instance, that never waits.

    `complaint` is None until it is over, empty where the instance is well. `connected` tells
    whether there is nothing left to say, only to hear.
    """

    def __init__(self, target: ProbeTarget) -> None:
        family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.complaint: str | None = None
        self._received = b""
        self.connected = False
        probe = target.probe
        self._request = (
            request(target.address, probe.port, probe.path) if probe.kind is ProbeKind.HTTP else b""
        )
        self._connect(target.address, probe.port)

    def fileno(self) -> int:
        """Return the descriptor to listen to."""
        return self._socket.fileno()

    def step(self) -> None:
        """Do what can be done without waiting."""
        try:
            if not self.connected and not self._send():
                return
            if self._request:
                self._receive()
        except OSError as error:
            # Some end a connection hard once they have said what they had to say.
            known = self._received and judge(self._received, ended=True)
            self.complaint = known.complaint if known else _words(error)

    def give_up(self, limit_seconds: float) -> None:
        """Judge by what is there, for the time is over."""
        if self._received:
            self.complaint = judge(self._received, ended=True).complaint
        elif self.connected:
            self.complaint = f"It did not answer within {limit_seconds:g} s"
        else:
            self.complaint = f"It could not be reached within {limit_seconds:g} s"

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _connect(self, address: str, port: int) -> None:
        try:
            number = self._socket.connect_ex((address, port))
        except (OSError, OverflowError) as error:  # no address, or no port
            self.complaint = _words(error)
            return
        if number and number not in _UNDER_WAY:
            self.complaint = _words(OSError(number, os.strerror(number)))
        else:
            self.step()  # to a neighbour, a connection is often there at once

    def _send(self) -> bool:
        """Send the request if the connection is there by now; tell whether it is."""
        try:
            if self._request:
                self._socket.send(self._request)
            else:
                self._greet()
        except OSError as error:
            if error.errno in _UNDER_WAY:
                return False
            raise
        self.connected = True
        return True

    def _greet(self) -> None:
        """Be content with the connection; raises OSError while it is not there."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            raise OSError(number, os.strerror(number))
        self._socket.getpeername()
        self.complaint = ""

    def _receive(self) -> None:
        while self.complaint is None:
            try:
                piece = self._socket.recv(MOST_BYTES)
            except BlockingIOError:
                return
            self._received += piece
            reply = judge(self._received, ended=not piece)
            if reply.complete:
                self.complaint = reply.complaint


def _words(error: OSError | OverflowError) -> str:
    return f"It could not be reached: {getattr(error, 'strerror', None) or error}"
