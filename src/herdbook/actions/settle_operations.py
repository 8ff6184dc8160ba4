"""Says what operations change in the records: a pure step between the plan and the act."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Address

from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import Component
from herdbook.fleet.networks import free_address
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.operations import Admit, Drain, End, Finish, KeepWarm, Operation, Start
from herdbook.rollouts.ports import Application, Happening
from herdbook.rollouts.situation import Situation, SlotHistory

_ROLES = {Drain: Role.DRAINING, KeepWarm: Role.WARM, Finish: Role.DONE, End: Role.ENDING}
_WORDS = {Drain: "drained", KeepWarm: "kept warm", Finish: "done", End: "ended"}


@dataclass
class Settled:
    """What is to be written down, and then done: records changed, and what to start and stop."""

    changed: dict[str, Instance] = field(default_factory=dict)
    histories: dict[tuple[str, int], SlotHistory] = field(default_factory=dict)
    happenings: list[Happening] = field(default_factory=list)
    start: list[Instance] = field(default_factory=list)
    stop: list[Instance] = field(default_factory=list)


def settle(
    application: Application,
    situation: Situation,
    operations: Sequence[Operation],
    records: Mapping[str, Instance],
    now: datetime,
) -> Settled:
    """Return what operations change. `records` are all instances of the application by name."""
    settled = Settled()
    addresses = _Addresses(application, situation, records)
    for operation in operations:
        if isinstance(operation, Start):
            _start(situation, operation, records, addresses, settled, now)
        else:
            _change(situation, operation, records[operation.instance], settled, now)
    return settled


class _Addresses:
    """Who has which address, read once; each start takes the next ones."""

    def __init__(
        self, application: Application, situation: Situation, records: Mapping[str, Instance]
    ) -> None:
        self._networks = application.networks
        self._turn = sum(each.attempts for each in situation.histories.values())
        self._taken: dict[str, set[IPv4Address]] = defaultdict(set)
        for record in records.values():
            for network, address in record.addresses.items():
                self._taken[network].add(address)

    def choose(self, component: Component | None) -> dict[str, IPv4Address]:
        """Choose an address in each of an instance's networks; raises ConflictError."""
        uses = component.instance.networks if component else ()
        chosen = {}
        for use in uses:
            if use.network not in self._networks:
                raise ConflictError(f"The network {use.network} is not the application's any more")
            taken = self._taken[use.network]
            chosen[use.network] = free_address(self._networks[use.network], taken, self._turn)
        for network, address in chosen.items():
            self._taken[network].add(address)
        self._turn += 1
        return chosen


def _start(
    situation: Situation,
    operation: Start,
    records: Mapping[str, Instance],
    addresses: _Addresses,
    settled: Settled,
    now: datetime,
) -> None:
    record = Instance(
        application=situation.application,
        component=operation.component,
        slot=operation.slot,
        attempt=operation.attempt,
        revision=operation.revision,
        release=operation.release,
        role=Role.STARTING,
        made_at=now,
        since=now,
        reason=operation.reason,
    )
    known = records.get(record.name)
    if known is not None:  # its start was cut off: the same once more
        settled.start.append(known)
        return
    try:
        chosen = addresses.choose(situation.component(operation.release, operation.component))
    except ConflictError as error:
        _fail(situation, record, settled, now)  # so that it is tried again, but less and less often
        words = f"failed: {error.message}"
        settled.happenings.append(Happening(now, words, record.component, record.name))
        return
    record = replace(record, addresses=chosen)
    history = _history(situation, record, settled)
    settled.histories[record.component, record.slot] = replace(
        history, attempts=max(history.attempts, record.attempt)
    )
    settled.changed[record.name] = record
    settled.start.append(record)
    settled.happenings.append(
        Happening(now, f"started: {operation.reason}", record.component, record.name)
    )


def _history(situation: Situation, record: Instance, settled: Settled) -> SlotHistory:
    """Return what happened in a slot, with what happens in this look."""
    place = (record.component, record.slot)
    return settled.histories.get(place) or situation.history(*place)


def _fail(situation: Situation, record: Instance, settled: Settled, now: datetime) -> None:
    history = _history(situation, record, settled)
    settled.histories[record.component, record.slot] = replace(
        history, failures=history.failures + 1, failed_at=now
    )


def _change(
    situation: Situation,
    operation: Admit | Drain | KeepWarm | Finish | End,
    record: Instance,
    settled: Settled,
    now: datetime,
) -> None:
    if isinstance(operation, Admit):
        _admit(operation, record, settled, now)
        return
    role = _ROLES[type(operation)]
    if role in {Role.ENDING, Role.DONE}:
        settled.stop.append(record)
    if record.role is role:
        return  # it was told before, and has to be done again
    settled.changed[record.name] = replace(record, role=role, since=now, reason=operation.reason)
    words = f"{_WORDS[type(operation)]}: {operation.reason}"
    if isinstance(operation, End) and operation.failed:
        words = f"failed: {operation.reason}"
        _fail(situation, record, settled, now)
    settled.happenings.append(Happening(now, words, record.component, record.name))


def _admit(operation: Admit, record: Instance, settled: Settled, now: datetime) -> None:
    before = record.role is Role.SERVING
    settled.changed[record.name] = replace(
        record,
        role=Role.SERVING,
        weight=operation.weight,
        since=record.since if before else now,
        served_at=record.served_at or now,
    )
    words = f"weight {operation.weight}" if before else "serves"
    settled.happenings.append(
        Happening(now, f"{words}: {operation.reason}", record.component, record.name)
    )
