"""The computer that fake engines share: its instances, its ports, and what may go wrong on it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

from herdbook.core.errors import ConflictError, EngineError, NotFoundError
from herdbook.drivers.fake.behaviour import Behaviour
from herdbook.fleet.instances import PublishedPort, RunningProcess, State, Wanted
from herdbook.fleet.ports import Executed

_FIRST_PROCESS = 1000

_NO_PROCESS = RunningProcess(0, 0)
_ORDINARY = Behaviour()

HANGING = "It did not answer in time"
"""What is said of an instance that lives and does not answer."""


@dataclass
class FakeInstance:
    """One instance: nothing but what is known of it. Its service writes `lines`.

    `started_seconds` is on the monotonic clock of the engine that started it.
    """

    wanted: Wanted
    started_at: datetime
    state: State = State.RUNNING
    reason: str = ""
    lines: list[str] = field(default_factory=list)
    started_seconds: float = 0.0
    process: RunningProcess = _NO_PROCESS
    behaviour: Behaviour = _ORDINARY
    hangs: bool = False

    def complaint(self, at_seconds: float) -> str:
        """Return what is wrong with it at that moment; empty where it is well."""
        age = at_seconds - self.started_seconds
        if self.state is not State.RUNNING or age >= self.behaviour.dies_after_seconds:
            return "It could not be reached: Connection refused"
        if self.hangs or age >= self.behaviour.hangs_after_seconds:
            return HANGING
        return "" if age >= self.behaviour.well_after_seconds else "It is not ready"


class FakeComputer:
    """Holds instances in memory, by state directory and name; safe to use from several threads.

    The methods below `answer_to` are the knobs: they do to an instance what befalls real ones.
    """

    def __init__(self) -> None:
        self._instances: dict[tuple[Path, str], FakeInstance] = {}
        self._broken: dict[str, str] = {}
        self._commands: dict[tuple[str, ...], Executed] = {}
        self._behaviour: Callable[[Wanted], Behaviour] = lambda _: _ORDINARY
        self._living: dict[RunningProcess, FakeInstance] = {}
        self._numbers = count(_FIRST_PROCESS)
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy has, too: all but the lock."""
        return {name: each for name, each in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Become a copy."""
        vars(self).update(state)
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
            for port in instance.wanted.published:
                if self._listener(port) is not None:
                    raise ConflictError(
                        f"Port {port.host_port} of {port.host_address} is already in use"
                    )
            instance.behaviour = self._behaviour(instance.wanted)
            refusal = self._broken.get(name) or instance.behaviour.refusal
            if refusal:
                raise EngineError(refusal)
            number = next(self._numbers)
            instance.process = RunningProcess(number, number * 100)
            self._instances[scope, name] = instance
            self._living[instance.process] = instance

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
            self._end(instance, "")

    def listener(self, port: PublishedPort) -> FakeInstance | None:
        """Return the running instance that would answer on a port, if there is one."""
        with self._lock:
            return self._listener(port)

    def lives(self, process: RunningProcess) -> bool:
        """Whether a process of this computer still runs."""
        return process in self._living

    def pass_time(self, now_seconds: float) -> float:
        """End what was to die until now; return when the next one will, if nothing changes."""
        coming = float("inf")
        for instance in list(self._living.values()):
            behaviour = instance.behaviour
            end = instance.started_seconds + behaviour.dies_after_seconds
            if end <= now_seconds:
                self._end(instance, behaviour.death_reason)
            else:
                coming = min(coming, end)
        return coming

    def answer_to(self, command: Sequence[str]) -> Executed:
        """Return what a command inside any instance comes to."""
        return self._commands.get(tuple(command), Executed(0, ""))

    def refuse_to_start(self, name: str, reason: str) -> None:
        """Have every start of instances of that name fail from now on; start if without reason."""
        self._broken[name] = reason

    def behave(self, behaviour: Callable[[Wanted], Behaviour]) -> None:
        """Decide how instances fare that are started from now on."""
        self._behaviour = behaviour

    def end(self, scope: Path, name: str, reason: str = "") -> None:
        """End an instance by itself: as it should without a `reason`, as a failure with one."""
        self._end(self.find(scope, name), reason)

    def hang(self, scope: Path, name: str, *, hangs: bool = True) -> None:
        """Have an instance live on without answering, or answer again."""
        self.find(scope, name).hangs = hangs

    def say(self, scope: Path, name: str, line: str) -> None:
        """Have an instance's service write a line."""
        self.find(scope, name).lines.append(line)

    def answer_command(self, command: Sequence[str], executed: Executed) -> None:
        """Decide what a command inside any instance comes to; all others say nothing, and succeed.

        A command inside one that hangs takes too long.
        """
        self._commands[tuple(command)] = executed

    def _end(self, instance: FakeInstance, reason: str) -> None:
        self._living.pop(instance.process, None)
        instance.state = State.FAILED if reason else State.STOPPED
        instance.reason = reason

    def _listener(self, port: PublishedPort) -> FakeInstance | None:
        for instance in self._living.values():
            listening = ((one.host_address, one.host_port) for one in instance.wanted.published)
            if (port.host_address, port.host_port) in listening:
                return instance
        return None
