"""Ends connections of clients that neither ask for anything nor take what they asked for."""

import asyncio
from typing import cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience: else connections are few, and idle ones would take all."""

    asking_seconds = 30.0
    """So long may a request take to arrive, the first from when the connection is made."""

    taking_seconds = 60.0
    """So long may a client take nothing of what waits for it."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait(self.asking_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._go_on()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request: it may take no longer because it comes bit by bit."""
        super().data_received(data)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            self._go_on()  # all of it is there, and is being answered
        elif self._limit is None:
            self._wait(self.asking_seconds)

    def pause_writing(self) -> None:
        """Begin to wait for a client that takes less than it gets."""
        super().pause_writing()
        self._wait(self.taking_seconds)

    def resume_writing(self) -> None:
        """Go on with a client that has taken what there was."""
        self._go_on()
        super().resume_writing()

    def _wait(self, seconds: float) -> None:
        self._go_on()
        self._limit = self.loop.call_later(seconds, self.transport.abort)

    def _go_on(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
