"""Load on a door: clients that keep their connections and clients that do not."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from herdbook.fleet.balancing import Door


@dataclass
class Tally:
    """What clients saw: answers by instance, and everything that was no answer of a member."""

    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.answers.total()


def ask(door: Door, path: str = "/", host: str = "") -> tuple[int, str]:
    """One request on a connection of its own: the status and who answered, or the text."""
    connection = _connection(door)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    return response.status, json.loads(text)["instance"] if text.startswith("{") else text


@contextmanager
def load(door: Door, keeping: int = 4, closing: int = 4) -> Iterator[Tally]:
    """Clients that go on until the block ends; each waits a moment between two requests."""
    tally = Tally()
    ended = threading.Event()
    threads = [
        threading.Thread(target=_client, args=(door, tally, ended, index < keeping))
        for index in range(keeping + closing)
    ]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        ended.set()
        for thread in threads:
            thread.join()


# Not a test: a name that both kinds of clients share.
def _client(door: Door, tally: Tally, ended: threading.Event, keeps: bool) -> None:  # noqa: FBT001
    connection = _connection(door)
    while not ended.is_set():
        try:
            connection.request("GET", "/", headers={} if keeps else {"Connection": "close"})
            response = connection.getresponse()
            text = response.read().decode()
            if response.status == http.client.OK:
                tally.answers[json.loads(text)["instance"]] += 1
            else:
                tally.failures.append(f"{response.status} {text}")
        except (OSError, http.client.HTTPException) as error:
            tally.failures.append(repr(error))
            connection.close()
        if not keeps:
            connection.close()
        time.sleep(0.001)
    connection.close()


def _connection(door: Door) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(door.address, door.port, timeout=10)
