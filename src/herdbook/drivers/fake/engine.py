"""The engine that runs nothing: the port's promises in memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import (
    EngineError,
    InvalidInputError,
    NotFoundError,
    TimeoutExpiredError,
)
from herdbook.drivers.fake.computer import HANGING, FakeComputer, FakeInstance
from herdbook.drivers.handover import check_handover
from herdbook.fleet.instances import ContainerArtefact, Seen, State, Wanted, check_name
from herdbook.fleet.ports import Capabilities, Executed

_PAUSE_SECONDS = 0.05
_KINDS = {True: "container", False: "vm"}


class FakeEngine:
    """Keeps instances on a `computer`, which engines share as real ones share a machine.

    Without one, the engine has a computer of its own. `variant` is `container` or `vm`: of the
    instances there it sees and stops those of its own kind.
    """

    def __init__(
        self,
        state_directory: Path,
        clock: Clock,
        computer: FakeComputer | None = None,
        variant: str = "container",
    ) -> None:
        self._scope = state_directory
        self._clock = clock
        self._variant = variant
        self.computer = computer or FakeComputer()

    @property
    def name(self) -> str:
        """The engine's name, as `ps` shows it."""
        return "fake"

    def capabilities(self) -> Capabilities:
        """Say that everything works."""
        return Capabilities(self._variant, version="1")

    def start(self, wanted: Wanted) -> Seen:
        """Take note of an instance, or fail as the computer was told to."""
        check_name(wanted.name)
        check_handover(wanted)
        if not self._runs(wanted):
            raise InvalidInputError(f"This engine runs the variant {self._variant!r} only")
        started = self._clock.monotonic_seconds()
        instance = FakeInstance(wanted, self._clock.now(), started_seconds=started)
        self.computer.add(self._scope, instance)
        return self._seen(instance)

    def observe(self) -> list[Seen]:
        """Return every instance of this state directory by name."""
        self.computer.pass_time(self._clock.monotonic_seconds())
        every = self.computer.of(self._scope)
        return [self._seen(instance) for instance in every if self._runs(instance.wanted)]

    def stop(self, name: str, grace_seconds: float = 10.0) -> None:
        """Forget an instance, at once."""
        del grace_seconds
        check_name(name)
        every = self.computer.of(self._scope)
        if any(each.wanted.name == name and self._runs(each.wanted) for each in every):
            self.computer.remove(self._scope, name)

    def logs(self, name: str, *, follow: bool = False) -> Iterator[str]:
        """Yield what the instance was made to say; with `follow`, until it ends."""
        check_name(name)
        return self._lines(self._find(name), follow=follow)

    def execute(self, name: str, command: Sequence[str], limit_seconds: float = 10.0) -> Executed:
        """Say what the computer was told that the command comes to."""
        check_name(name)
        self.computer.pass_time(self._clock.monotonic_seconds())
        instance = self._find(name)
        if instance.state is not State.RUNNING:
            raise EngineError(f"{name!r} does not run")
        at = self._clock.monotonic_seconds()
        if instance.complaint(at) == HANGING:
            self._clock.sleep(limit_seconds)
            raise TimeoutExpiredError(f"The command took longer than {limit_seconds:g} s")
        return self.computer.answer_to(command)

    def entering(self, name: str, command: Sequence[str], *, terminal: bool) -> list[str]:
        """Return a program that does nothing, with all that was asked for."""
        check_name(name)
        return ["true", *(["--terminal"] if terminal else []), name, *command]

    def _runs(self, wanted: Wanted) -> bool:
        return _KINDS[isinstance(wanted.artefact, ContainerArtefact)] == self._variant

    def _find(self, name: str) -> FakeInstance:
        found = self.computer.find(self._scope, name)
        if not self._runs(found.wanted):
            raise NotFoundError(f"There is no instance named {name!r}")
        return found

    def _lines(self, instance: FakeInstance, *, follow: bool) -> Iterator[str]:
        yielded = 0
        while True:
            # Asked before reading: whatever was written until then is still read.
            goes_on = follow and instance.state is State.RUNNING
            for line in instance.lines[yielded:]:
                yield line
                yielded += 1
            if not goes_on:
                return
            self._clock.sleep(_PAUSE_SECONDS)

    def _seen(self, instance: FakeInstance) -> Seen:
        wanted = instance.wanted
        return Seen(
            name=wanted.name,
            engine=self.name,
            state=instance.state,
            origin=wanted.origin,
            ports=wanted.published,
            started_at=instance.started_at,
            reason=instance.reason,
            health_path=wanted.health_path,
            owner=wanted.owner,
            process=instance.process if instance.state is State.RUNNING else None,
        )
