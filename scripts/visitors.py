"""Visits pages at a steady pace, however long they take to answer, and counts every answer.

Usage: visitors.py VISITS_A_SECOND ADDRESS... Ends by SIGINT or SIGTERM, and prints what it counted
as JSON, a mapping for each address.
"""

import asyncio
import json
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 30.0
_GOOD_STATUS = 200


@dataclass
class Tally:
    """What became of the visits to one address: how often each status, version and instance."""

    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    uncounted: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def take(self, status: str, page: bytes, milliseconds: float) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.milliseconds.append(milliseconds)
        if status == str(_GOOD_STATUS):
            said = json.loads(page)
            self.versions[said["version"]] += 1
            self.hosts[said["host"]] += 1
            self.uncounted += said["visits"] is None

    def summary(self) -> dict[str, object]:
        """Return all that was counted."""
        spans = sorted(self.milliseconds) or [0.0]
        return {
            "visits": sum(self.statuses.values()),
            "statuses": dict(self.statuses),
            "versions": dict(self.versions),
            "hosts": dict(self.hosts),
            "uncounted": self.uncounted,
            "median_milliseconds": round(spans[len(spans) // 2], 1),
            "slowest_milliseconds": round(spans[-1], 1),
        }


async def visit(address: str, tally: Tally) -> None:
    """Get a page over a connection of its own, and count the answer or what came instead."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            status, page = await _answer(address)
    except (OSError, TimeoutError, EOFError, ValueError) as error:
        status, page = type(error).__name__, b""
    tally.take(status, page, (loop.time() - began) * 1000)


async def _answer(address: str) -> tuple[str, bytes]:
    parts = urlsplit(address)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        request = (
            f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
        )
        writer.write(request.encode())
        answer = await reader.read(-1)
    finally:
        writer.close()
    head, _, page = answer.partition(b"\r\n\r\n")
    if not head:
        raise EOFError
    return head.split()[1].decode(), page


async def keep_visiting(each_second: float, addresses: list[str]) -> dict[str, Tally]:
    """Begin a visit to each address in turn at every tick of the clock, until told to end."""
    loop = asyncio.get_running_loop()
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    tallies = {address: Tally() for address in addresses}
    visits: set[asyncio.Task[None]] = set()
    began, count = loop.time(), 0
    while not end.is_set():
        address = addresses[count % len(addresses)]
        task = loop.create_task(visit(address, tallies[address]))
        visits.add(task)
        task.add_done_callback(visits.discard)
        count += 1
        # A late tick is made up for: what visitors do does not depend on how they are served.
        pause = began + count / each_second - loop.time()
        await asyncio.sleep(max(pause, 0.0))
    await asyncio.gather(*visits)
    return tallies


if __name__ == "__main__":
    found = asyncio.run(keep_visiting(float(sys.argv[1]), sys.argv[2:]))
    print(json.dumps({address: tally.summary() for address, tally in found.items()}))  # noqa: T201 - its output
