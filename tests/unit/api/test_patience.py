"""Who asks for nothing, or takes nothing of an answer, is cut off; who is only slow is not."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
import uvicorn

from herdbook.api.patience import PatientProtocol

Send = Callable[[dict[str, Any]], Awaitable[None]]
LARGE = b"x" * (1 << 20)


class Hasty(PatientProtocol):
    """The same, for whom a moment is long."""

    asking_seconds = 0.3
    taking_seconds = 0.3


async def answer(scope: dict[str, Any], _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(32 if scope["path"] == "/large" else 0):
        await send({"type": "http.response.body", "body": LARGE, "more_body": True})
    await asyncio.sleep(1.0 if scope["path"] == "/later" else 0.0)
    await send({"type": "http.response.body", "body": b"end"})


@pytest.fixture
def port() -> Iterator[int]:
    config = uvicorn.Config(answer, http=Hasty, ws="none", lifespan="off", log_config=None)
    server, listener = uvicorn.Server(config), socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=server.run, args=([listener],))
    port = listener.getsockname()[1]
    thread.start()
    yield port
    server.should_exit = server.force_exit = True
    thread.join()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def until_closed(client: socket.socket, drop: bytes = b"") -> tuple[float, int]:
    """Take all until the other side closes it, and send it a drop at a time if there is one.

    Returns for how long that was, in seconds, and how many bytes came.
    """
    began, taken = monotonic(), 0
    client.settimeout(0.05 if drop else 10)
    with suppress(ConnectionError):
        while True:
            try:
                piece = client.recv(1 << 20)
            except TimeoutError:
                client.sendall(drop)
                continue
            if not piece:
                break
            taken += len(piece)
    return monotonic() - began, taken


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: a", b"GET / HTTP/1.1\r\nHost: a\r\n"]
)
def test_a_request_that_does_not_come_is_not_waited_for(port: int, begun: bytes) -> None:
    with connected(port) as client:
        client.sendall(begun)
        assert until_closed(client)[0] < 5


def test_a_request_that_comes_bit_by_bit_has_no_more_time(port: int) -> None:
    with connected(port) as client:
        assert until_closed(client, drop=b"G")[0] < 5


def test_an_answer_that_takes_its_time_is_waited_for(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert until_closed(client)[0] > 0.9


def test_an_answer_that_nobody_takes_is_cut_off(port: int) -> None:
    with connected(port) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        sleep(1)
        assert until_closed(client)[1] < 32 << 20
