"""Starts and stops instances in threads of their own, one piece of work for each at a time."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field

from herdbook.actions.keep_safe import keep_safe
from herdbook.actions.wanted_instance import wanted_instance
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import HerdbookError
from herdbook.fleet.applications import Component
from herdbook.fleet.networks import Attachment, NetworkPlan
from herdbook.fleet.records import Instance
from herdbook.recipes.model import Variant

_LAST_LINES = 10


@dataclass(frozen=True)
class Outcome:
    """What came of a start or a stop: the error, or the last lines of one that had failed."""

    record: Instance
    starts: bool
    error: HerdbookError | None = None
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Work:
    """A start or a stop under way."""

    record: Instance
    starts: bool
    future: "Future[Outcome]"


@dataclass
class Hands:
    """The work under way for one application."""

    workshop: Workshop
    pool: Executor
    _work: dict[str, _Work] = field(default_factory=dict)

    @property
    def busy(self) -> frozenset[str]:
        """The instances that are being started or stopped."""
        return frozenset(self._work)

    def start(
        self,
        record: Instance,
        component: Component,
        networks: Mapping[str, NetworkPlan],
        snapshot: str = "",
        *,
        anew: bool = False,
    ) -> None:
        """Begin to start an instance, unless something is done to it already.

        With `snapshot`, its data is put aside under that name first; with `anew`, what is left of
        a start that was cut off is removed before.
        """
        if record.name not in self._work:
            future = self.pool.submit(self._start, record, component, networks, snapshot, anew)
            self._work[record.name] = _Work(record, starts=True, future=future)

    def stop(self, record: Instance, component: Component | None, *, failed: bool) -> None:
        """Begin to stop an instance and to remove all it had; of a `failed` one, read its end."""
        if record.name not in self._work:
            future = self.pool.submit(self._stop, record, component, failed)
            self._work[record.name] = _Work(record, starts=False, future=future)

    def finished(self) -> Iterator[Outcome]:
        """Yield what is over since this was last asked; what is not taken is kept for next time."""
        for name in [name for name, work in self._work.items() if work.future.done()]:
            yield self._outcome(self._work.pop(name))

    def _outcome(self, work: _Work) -> Outcome:
        try:
            return work.future.result()
        except Exception as error:  # noqa: BLE001 - a fault here must not end what tends the rest
            fault = HerdbookError(f"a fault in Herdbook: {type(error).__name__}: {error}")
            return Outcome(work.record, work.starts, fault)

    def _start(
        self,
        record: Instance,
        component: Component,
        networks: Mapping[str, NetworkPlan],
        snapshot: str,
        anew: bool,  # noqa: FBT001 - handed on by the pool
    ) -> Outcome:
        variant = component.instance.variant
        attachments = [
            Attachment(networks[name], address) for name, address in record.addresses.items()
        ]
        try:
            self.workshop.duty.require()
            if anew:
                self.workshop.engines[variant].stop(record.name, 0.0)
            if snapshot:
                self.workshop.duty.require()
                keep_safe(self.workshop, record, component, snapshot)
            self.workshop.duty.require()
            plugs = self.workshop.switch.plug(
                record.name, attachments, machine=variant is Variant.VM
            )
            wanted = wanted_instance(self.workshop, record, component, plugs)
            self.workshop.duty.require()
            self.workshop.engines[variant].start(wanted)
        except HerdbookError as error:
            return Outcome(record, starts=True, error=error)
        return Outcome(record, starts=True)

    def _stop(self, record: Instance, component: Component | None, failed: bool) -> Outcome:  # noqa: FBT001 - handed on by the pool
        grace_seconds = component.instance.stop_grace_seconds if component else 0.0
        lines: tuple[str, ...] = ()
        engines = (
            [self.workshop.engines[component.instance.variant]]
            if component
            else list(self.workshop.engines.values())
        )
        try:
            for engine in engines:
                if failed:
                    with suppress(HerdbookError):  # it may never have been there
                        lines = tuple(engine.logs(record.name))[-_LAST_LINES:]
                self.workshop.duty.require()
                engine.stop(record.name, grace_seconds)
            self.workshop.duty.require()
            self.workshop.switch.unplug(record.name)
        except HerdbookError as error:
            return Outcome(record, starts=False, error=error)
        return Outcome(record, starts=False, last_lines=lines)
