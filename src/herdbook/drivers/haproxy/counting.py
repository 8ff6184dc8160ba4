"""Makes of HAProxy's counters, one row for each slot and worker, what each member has done.

What a worker still answers after it was replaced is not counted: its open sessions are.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

from herdbook.drivers.haproxy.layout import Layout, Place
from herdbook.fleet.balancing import Traffic

_WINDOW = 1024
"""Of how many answers HAProxy keeps the mean time."""


@dataclass(frozen=True)
class Counters:
    """What one worker counts for one slot; `milliseconds` is a mean, of the last 1,024 answers."""

    requests: int = 0
    failed: int = 0
    milliseconds: float = 0.0


NOTHING = Counters()


@dataclass(frozen=True)
class Account:
    """How a membership stands: what `worker` had counted before it and up to now.

    `carried` was counted by workers that are no more.
    """

    worker: str
    before: Counters
    latest: Counters
    carried: Counters = NOTHING


Book = Mapping[int, Account]
"""The accounts of all memberships, by number."""


@dataclass(frozen=True)
class Reading:
    """What was read at one moment: the worker, its counters, and all open sessions."""

    worker: str
    counters: Mapping[Place, Counters]
    sessions: Mapping[Place, int]


def opened(book: Book, before: Layout, after: Layout, reading: Reading) -> Book:
    """Return the book with accounts for the new memberships and without those that are over.

    A number above those of `before` may be in the book, of somebody who was killed before the
    member had its slot: that is not this membership.
    """
    accounts = {}
    for place, slot in after.places():
        if slot.member and not slot.leaving:
            if slot.membership > before.memberships:
                counted = reading.counters.get(place, NOTHING)
                accounts[slot.membership] = Account(reading.worker, counted, counted)
            elif slot.membership in book:
                accounts[slot.membership] = book[slot.membership]
    return accounts


def advanced(book: Book, layout: Layout, reading: Reading) -> Book:
    """Return the book with what was read.

    A member without an account was placed while there was no worker.
    """
    accounts = {}
    for place, slot in layout.places():
        if slot.member and not slot.leaving and place in reading.counters:
            account = book.get(slot.membership, Account(reading.worker, NOTHING, NOTHING))
            if account.worker != reading.worker:
                account = Account(reading.worker, NOTHING, NOTHING, _total(account))
            accounts[slot.membership] = replace(account, latest=reading.counters[place])
    return {**book, **accounts}


def traffic(book: Book, layout: Layout, reading: Reading) -> dict[str, dict[str, Traffic]]:
    """Return what the members have done, by door and instance."""
    found: dict[str, dict[str, Traffic]] = {door.name: {} for door in layout.doors}
    for place, slot in layout.places():
        if slot.member and not slot.leaving:
            total = NOTHING
            if slot.membership in book:
                total = _total(book[slot.membership])
            found[place[0]][slot.member.instance] = Traffic(
                total.requests, total.failed, reading.sessions.get(place, 0), total.milliseconds
            )
    return found


def to_text(book: Book) -> str:
    """Return a book as text."""
    rows = [
        [number, each.worker, *(astuple(part) for part in (each.before, each.latest, each.carried))]
        for number, each in book.items()
    ]
    return json.dumps(rows, separators=(",", ":"))


def from_text(text: str) -> Book:
    """Return what `to_text` wrote; an empty book where a power cut left something else."""
    try:
        return {
            number: Account(worker, *(Counters(*part) for part in parts))
            for number, worker, *parts in json.loads(text)
        }
    except (ValueError, TypeError):
        return {}


def _total(account: Account) -> Counters:
    before, latest, carried = account.before, account.latest, account.carried
    own = max(0, latest.requests - before.requests)
    return Counters(
        carried.requests + own,
        carried.failed + max(0, latest.failed - before.failed),
        _own_mean(before, latest) if own else carried.milliseconds,
    )


def _own_mean(before: Counters, latest: Counters) -> float:
    """The mean without what a slot's last member left in it.

    HAProxy's mean is exact for the first 1,024 answers and decays by 1/1,024 with each later one.
    """
    old, all_ = before.requests, latest.requests
    old_known, all_known = min(old, _WINDOW), min(all_, _WINDOW)
    later = (all_ - all_known) - (old - old_known)
    share = old_known / all_known * (1 - 1 / _WINDOW) ** later
    return max(0.0, (latest.milliseconds - share * before.milliseconds) / (1 - share))


def parse(text: str, modes: Mapping[str, bool]) -> tuple[dict[Place, Counters], dict[Place, int]]:
    """Return the counters and the open sessions in HAProxy's CSV, by slot.

    `modes` says of each door whether it speaks HTTP.
    """
    counters, sessions = {}, {}
    for row in _rows(text):
        place = _place(row)
        if place and place[0] in modes:
            sessions[place] = row.number("scur")
            counters[place] = _counters(row, http=modes[place[0]])
    return counters, sessions


def add_sessions(sessions: dict[Place, int], text: str, modes: Mapping[str, bool]) -> None:
    """Add what is open in a worker that was replaced, from the CSV of its frontends and servers.

    A client without a request under way may have one for each of the members.
    """
    rows = list(_rows(text))
    clients = sum(row.number("scur") for row in rows if row.text("svname") == "FRONTEND")
    served = sum(row.number("scur") for row in rows if _place(row))
    idle = max(0, clients - served)
    for place, count in parse(text, modes)[1].items():
        sessions[place] = sessions.get(place, 0) + count + idle


@dataclass(frozen=True)
class _Row:
    columns: Mapping[str, int]
    fields: Sequence[str]

    def text(self, name: str) -> str:
        return self.fields[self.columns[name]]

    def number(self, name: str) -> int:
        return int(self.fields[self.columns[name]] or 0)


def _rows(text: str) -> Iterator[_Row]:
    columns: dict[str, int] = {}
    for line in text.splitlines():
        fields = line.removeprefix("# ").split(",")
        if fields[0] == "pxname":
            columns = {name: index for index, name in enumerate(fields)}
        elif len(fields) == len(columns):
            yield _Row(columns, fields)


def _place(row: _Row) -> Place | None:
    backend, server = row.text("pxname"), row.text("svname")
    if backend.startswith("b_") and server[1:].isdecimal():
        return backend.removeprefix("b_"), int(server[1:])
    return None


_FAILURES = ("econ", "eresp", "wretr", "wredis")
"""Refused connections, the last one and those tried again, and answers that broke off."""


def _counters(row: _Row, *, http: bool) -> Counters:
    failed = sum(row.number(name) for name in _FAILURES)
    if not http:
        return Counters(row.number("stot"), failed, row.number("ttime"))
    return Counters(row.number("req_tot"), failed + row.number("hrsp_5xx"), row.number("rtime"))
