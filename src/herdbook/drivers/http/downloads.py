"""Reads files of registries: with credentials, and again where the network failed."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from threading import Event

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from herdbook.core.errors import InvalidInputError, NetworkError
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.http.credentials import Credentials

_TRIES = 3
_PAUSE_SECONDS = 0.5
_PIECE_BYTES = 1 << 16
_NOT_FOUND = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_WHO_ARE_YOU = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

Take = Callable[[Iterator[bytes]], None]
"""Takes the pieces of a file from its first byte, and again from there after a failure."""


class AbsentError(Exception):
    """The registry has nothing at an address."""


class Downloader:
    """Reads files of registries, over connections that stay open from one file to the next.

    Safe to use from several threads; once `over` is set, all of them give up soon.
    """

    def __init__(self, connections: Connections, credentials: Credentials, over: Event) -> None:
        self._connections = connections
        self._credentials = credentials
        self._over = over

    def read(self, address: str, label: str, take: Take) -> None:
        """Give `take` the file at an address; `label` is what people call it.

        Raises AbsentError, InvalidInputError where the registry wants to know who asks, and
        NetworkError.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._read(address, label, take)
            except HTTPError as error:
                if attempt == _TRIES or self._over.wait(_PAUSE_SECONDS * attempt):
                    raise NetworkError(
                        f"{label} could not be fetched from {address}: {_reason(error)}",
                        hint="Run the same command again: what has arrived is kept.",
                    ) from error
        return None

    def _read(self, address: str, label: str, take: Take) -> None:
        said = self._credentials.header(address)
        # urllib3 does not pass the header on where another host is to answer.
        headers = {"Authorization": said} if said else {}
        with self._connections.get(address, headers) as answer:
            if answer.status in _NOT_FOUND:
                raise AbsentError(address)
            if answer.status in _WHO_ARE_YOU:
                raise InvalidInputError(
                    f"The registry does not give {label} to everybody ({address})",
                    hint="Name a secret in netrc format in `credentials`; give it with --secret.",
                )
            if answer.status != HTTPStatus.OK:
                raise HTTPError(f"it answers {answer.status} {answer.reason or ''}".rstrip())
            take(self._pieces(answer))

    def _pieces(self, answer: BaseHTTPResponse) -> Iterator[bytes]:
        for piece in answer.stream(_PIECE_BYTES, decode_content=False):
            if self._over.is_set():
                raise HTTPError("the others have failed")
            yield piece


def _reason(error: HTTPError) -> str:
    """Return what went wrong, without the names of urllib3's own objects."""
    return str(getattr(error, "reason", None) or error).rpartition("): ")[2]
