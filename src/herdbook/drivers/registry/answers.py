"""What a registry answers: short answers are read at once, long ones piece by piece."""

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

_SHORT_BYTES = 1 << 16
_PIECE_BYTES = 1 << 18
_MOST_DIGITS = 18


class BrokenError(Exception):
    """The connection broke, or the registry is out of order: trying again may help."""

    def __init__(self, why: str, pause_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.pause_seconds = pause_seconds


class Answer:
    """A status and headers, and a body that may be yet to come; closed when its block ends.

    Its connection is free for the next question once the body is read. Reading raises BrokenError.
    """

    def __init__(self, method: str, response: BaseHTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response
        self._content: bytes | None = None
        size = self.headers.get("Content-Length", "")
        if method == "HEAD" or (_is_number(size) and int(size) <= _SHORT_BYTES):
            self._content = self._read(_SHORT_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is yet to come."""
        self._response.close()

    def read(self, most_bytes: int) -> bytes:
        """Return the body, or no more than so many bytes of it."""
        if self._content is None:
            self._content = self._read(most_bytes)
        return self._content[:most_bytes]

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it was sent, compressed or not."""
        if self._content is not None:
            yield self._content
            return
        try:
            yield from self._response.stream(_PIECE_BYTES, decode_content=False)
        except HTTPError as error:
            raise BrokenError(reason(error)) from error

    def _read(self, most_bytes: int) -> bytes:
        try:
            return self._response.read(most_bytes, decode_content=False)
        except HTTPError as error:
            raise BrokenError(reason(error)) from error


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def reason(error: HTTPError) -> str:
    """Return what went wrong, without the names of urllib3's own objects."""
    return str(getattr(error, "reason", None) or error).rpartition("): ")[2]
