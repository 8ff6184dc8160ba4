"""The fake engine behaves as a plain dictionary of instances, whatever is asked of it in a row."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from herdbook.core.clock import SystemClock
from herdbook.core.digests import EMPTY
from herdbook.core.errors import ConflictError, EngineError, NotFoundError
from herdbook.drivers.fake import FakeComputer, FakeEngine
from herdbook.fleet.instances import ContainerArtefact, Origin, PublishedPort, State, Wanted

HOMES = [Path("/one"), Path("/other")]
homes = some.sampled_from(HOMES)
names = some.sampled_from(["a", "b", "c"])
port_sets = some.lists(some.integers(8000, 8002), unique=True, max_size=2)


def make_wanted(name: str, ports: list[int]) -> Wanted:
    published = tuple(PublishedPort(80, port) for port in ports)
    return Wanted(name, Origin("web", 1, EMPTY), ContainerArtefact(Path("/"), EMPTY), published)


class FakeEngineMachine(RuleBasedStateMachine):
    """Two engines on one computer, beside a dictionary that says what they should hold."""

    def __init__(self) -> None:
        super().__init__()
        self.computer = FakeComputer()
        self.engines = {home: FakeEngine(home, SystemClock(), self.computer) for home in HOMES}
        self.known: dict[tuple[Path, str], tuple[State, list[int]]] = {}
        self.said: dict[tuple[Path, str], list[str]] = {}
        self.broken: set[str] = set()

    def taken_ports(self) -> set[int]:
        running = [ports for state, ports in self.known.values() if state is State.RUNNING]
        return {port for ports in running for port in ports}

    @rule(home=homes, name=names, ports=port_sets)
    def start(self, home: Path, name: str, ports: list[int]) -> None:
        engine, wanted = self.engines[home], make_wanted(name, ports)
        if (home, name) in self.known or self.taken_ports().intersection(ports):
            with pytest.raises(ConflictError):
                engine.start(wanted)
        elif name in self.broken:
            with pytest.raises(EngineError):
                engine.start(wanted)
        else:
            seen = engine.start(wanted)
            assert (seen.name, seen.state) == (name, State.RUNNING)
            self.known[home, name] = (State.RUNNING, ports)
            self.said[home, name] = []

    @rule(home=homes, name=names)
    def stop(self, home: Path, name: str) -> None:
        self.engines[home].stop(name)
        self.known.pop((home, name), None)

    @rule(home=homes, name=names, reason=some.sampled_from(["", "It burst"]))
    def end(self, home: Path, name: str, reason: str) -> None:
        if (home, name) not in self.known:
            with pytest.raises(NotFoundError):
                self.computer.end(home, name, reason)
            return
        self.computer.end(home, name, reason)
        state = State.FAILED if reason else State.STOPPED
        self.known[home, name] = (state, self.known[home, name][1])

    @rule(home=homes, name=names, line=some.text(max_size=3))
    def say(self, home: Path, name: str, line: str) -> None:
        if (home, name) in self.known:
            self.computer.say(home, name, line)
            self.said[home, name].append(line)

    @rule(name=names)
    def break_name(self, name: str) -> None:
        self.computer.refuse_to_start(name, "No room")
        self.broken.add(name)

    @rule(home=homes, name=names)
    def logs(self, home: Path, name: str) -> None:
        if (home, name) in self.known:
            assert list(self.engines[home].logs(name)) == self.said[home, name]
        else:
            with pytest.raises(NotFoundError):
                self.engines[home].logs(name)

    @invariant()
    def each_engine_sees_its_own_by_name(self) -> None:
        for home, engine in self.engines.items():
            seen = [(one.name, one.state) for one in engine.observe()]
            own = sorted(name for scope, name in self.known if scope == home)
            assert seen == [(name, self.known[home, name][0]) for name in own]

    @invariant()
    def ports_answer_only_while_their_instance_runs(self) -> None:
        for port in range(8000, 8003):
            listener = self.computer.listener(PublishedPort(80, port))
            assert (listener is not None) == (port in self.taken_ports())


TestFakeEngine = FakeEngineMachine.TestCase
TestFakeEngine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
