"""The computer that fake engines share: its instances, its ports, and what may go wrong on it."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from herdbook.core.errors import ConflictError, EngineError, NotFoundError
from herdbook.fleet.instances import PublishedPort, State, Wanted


@dataclass
class FakeInstance:
    """One instance: nothing but what is known of it. Its service writes `lines`."""

    wanted: Wanted
    started_at: datetime
    state: State = State.RUNNING
    reason: str = ""
    lines: list[str] = field(default_factory=list)


class FakeComputer:
    """Holds instances in memory, by state directory and name; safe to use from several threads.

    The methods below `add` are the knobs: they do to an instance what befalls real ones.
    """

    def __init__(self) -> None:
        self._instances: dict[tuple[Path, str], FakeInstance] = {}
        self._broken: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, scope: Path, instance: FakeInstance) -> None:
        """Take an instance in; raises ConflictError for a taken name or port, EngineError if told.

        Nothing is kept of one that was refused.
        """
        name = instance.wanted.name
        with self._lock:
            if (scope, name) in self._instances:
                raise ConflictError(
                    f"There is an instance named {name!r} already",
                    hint="Stop it first, or take another name.",
                )
            for port in instance.wanted.ports:
                if self._listener(port) is not None:
                    raise ConflictError(
                        f"Port {port.host_port} of {port.host_address} is already in use"
                    )
            if name in self._broken:
                raise EngineError(self._broken[name])
            self._instances[scope, name] = instance

    def refuse_to_start(self, name: str, reason: str) -> None:
        """Have every start of instances of that name fail from now on."""
        self._broken[name] = reason

    def end(self, scope: Path, name: str, reason: str = "") -> None:
        """End an instance by itself: as it should without a `reason`, as a failure with one."""
        instance = self.find(scope, name)
        instance.state = State.FAILED if reason else State.STOPPED
        instance.reason = reason

    def say(self, scope: Path, name: str, line: str) -> None:
        """Have an instance's service write a line."""
        self.find(scope, name).lines.append(line)

    def find(self, scope: Path, name: str) -> FakeInstance:
        """Return an instance; raises NotFoundError for an absent one."""
        try:
            return self._instances[scope, name]
        except KeyError:
            raise NotFoundError(f"There is no instance named {name!r}") from None

    def of(self, scope: Path) -> list[FakeInstance]:
        """Return the instances of one state directory by name."""
        with self._lock:
            found = [one for (owner, _), one in self._instances.items() if owner == scope]
        return sorted(found, key=lambda one: one.wanted.name)

    def remove(self, scope: Path, name: str) -> None:
        """Forget an instance; an absent one is not an error."""
        instance = self._instances.pop((scope, name), None)
        if instance is not None and instance.state is State.RUNNING:
            instance.state = State.STOPPED

    def listener(self, port: PublishedPort) -> FakeInstance | None:
        """Return the running instance that would answer on a port, if there is one."""
        with self._lock:
            return self._listener(port)

    def _listener(self, port: PublishedPort) -> FakeInstance | None:
        for instance in self._instances.values():
            published = ((one.host_address, one.host_port) for one in instance.wanted.ports)
            listens = (port.host_address, port.host_port) in published
            if listens and instance.state is State.RUNNING:
                return instance
        return None
