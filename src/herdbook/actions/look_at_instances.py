"""Makes sights of instances: what engines see of them, and how they answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from herdbook.core.clock import Clock
from herdbook.fleet.applications import Component
from herdbook.fleet.instances import Seen, State
from herdbook.fleet.probes import Answer, Health, Probe, ProbeTarget, heard
from herdbook.fleet.records import LIVE, Instance, Life, Role, Sight

_LIVES = {State.RUNNING: Life.RUNNING, State.STOPPED: Life.ENDED, State.FAILED: Life.FAILED}
_SERVED = frozenset({Role.SERVING, Role.WARM, Role.DRAINING})


@dataclass
class Eyes:
    """What is known of an application's instances beyond their records; nothing of it is kept.

    `cut_off` are those that were to be started before we came: where one of them does not run, it
    is not to blame. `refused` says of instances that could not be started why. `awaited` are those
    that were just started, and have not been looked for since.
    """

    clock: Clock
    seen: Mapping[str, Seen] = field(default_factory=dict)
    health: dict[str, Health] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)

    def take_in(self, seen: Mapping[str, Seen]) -> bool:
        """Take note of what engines see; tell whether it is something new."""
        before = {name: each.state for name, each in self.seen.items()}
        self.seen = seen
        self.awaited.clear()
        self.cut_off -= {name for name, each in seen.items() if each.state is State.RUNNING}
        return before != {name: each.state for name, each in seen.items()}

    def hear(self, record: Instance, probe: Probe, answer: Answer) -> bool:
        """Take note of an answer; tell whether the instance has become well or unwell by it."""
        before = self.health.get(record.name)
        if before is not None and before.well and answer.well and not before.bad:
            return False  # as nearly always
        if before is None:
            # One that served before we came is well until it says otherwise often enough.
            known = record.role in _SERVED
            before = Health(well_since=answer.at_seconds if known else None)
        seen = self.seen.get(record.name)
        began = seen.started_at if seen else record.made_at
        age = (self.clock.now() - began).total_seconds()
        started_at = self.clock.monotonic_seconds() - age
        after = heard(before, answer, probe, started_at)
        self.health[record.name] = after
        return before.well != after.well

    def lives(self, instance: str) -> bool:
        """Tell whether an engine sees that an instance runs."""
        seen = self.seen.get(instance)
        return seen is not None and seen.state is State.RUNNING

    def forget(self, instance: str) -> None:
        """Forget an instance that is gone."""
        self.health.pop(instance, None)
        self.refused.pop(instance, None)
        self.awaited.discard(instance)
        self.cut_off.discard(instance)

    def targets(self, instances: Iterable[tuple[Instance, Component | None]]) -> list[ProbeTarget]:
        """Return which instances are to be asked how they are."""
        found = []
        for record, component in instances:
            seen = self.seen.get(record.name)
            spec = component.instance if component else None
            running = seen is not None and seen.state is State.RUNNING
            if running and spec and spec.probe is not None and record.role in LIVE:
                address = next(iter(record.addresses.values()), "")
                found.append(ProbeTarget(record.name, str(address), spec.probe, spec.variant))
        return found

    def sight(
        self, record: Instance, component: Component | None, *, sessions: int, busy: bool
    ) -> Sight:
        """Return what is known of an instance now."""
        if reason := self.refused.get(record.name):
            return Sight(record, Life.FAILED, complaint=reason, busy=busy)
        seen = self.seen.get(record.name)
        # What was seen of one that was just started is what it was before, or halfway.
        awaited = record.name in self.awaited
        half = seen is not None and seen.state is State.FAILED and record.name in self.cut_off
        if seen is None or half or awaited:
            return Sight(record, Life.ABSENT, busy=busy or awaited)
        health = self.health.get(record.name)
        since = None
        if component is None or component.instance.probe is None:
            since = seen.started_at
        elif health is not None and health.well_since is not None:
            age = self.clock.monotonic_seconds() - health.well_since
            since = self.clock.now() - timedelta(seconds=age)
        elif health is None and record.role in _SERVED:
            since = record.since
        complaint = seen.reason or (health.complaint if health else "")
        life = _LIVES[seen.state]
        well_since = since if life is Life.RUNNING else None
        return Sight(record, life, well_since, sessions, complaint, busy, seen.started_at)
