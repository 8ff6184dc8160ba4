"""Judges what an instance has answered to an HTTP request, as far as it has come."""

import re
from dataclasses import dataclass

MOST_BYTES = 1 << 16
"""How much of an answer is read at all."""

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_FIRST_WELL, _LAST_WELL = 200, 399


@dataclass(frozen=True)
class Reply:
    """What is known of an answer: whether all of it is there, and what is wrong with it."""

    complete: bool
    complaint: str


def request(address: str, port: int, path: str) -> bytes:
    """Return the request: one for each connection, by the address the instance is reached at."""
    host = f"[{address}]" if ":" in address else address
    lines = (
        f"GET {path or '/'} HTTP/1.1",
        f"Host: {host}:{port}",
        "User-Agent: herdbook",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def judge(received: bytes, *, ended: bool) -> Reply:
    """Judge what was received; `ended` says that no more will come.

    An answer is read to its end, for services complain where nobody listens.
    """
    status = _STATUS.match(received)
    if status is None:
        what = "It answered something that is not HTTP" if received else "It closed the connection"
        nonsense = len(received) >= MOST_BYTES or (b"\n" in received)
        return Reply(ended or nonsense, what)
    number = int(status[1])
    well = _FIRST_WELL <= number <= _LAST_WELL
    return Reply(ended or _is_whole(received), "" if well else f"It answered with status {number}")


def _is_whole(received: bytes) -> bool:
    if len(received) >= MOST_BYTES:
        return True
    header, blank, body = received.partition(b"\r\n\r\n")
    if not blank or _CLOSES.search(header):  # then whoever answers ends the connection
        return False
    length = _LENGTH.search(header)
    return length is not None and len(body) >= int(length[1])
