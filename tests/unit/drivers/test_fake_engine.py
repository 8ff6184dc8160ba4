"""The knobs of the fake computer do what befalls real instances."""

from pathlib import Path

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError, NotFoundError
from herdbook.drivers.fake import FakeComputer, FakeEngine
from herdbook.fleet.instances import (
    ContainerArtefact,
    MachineArtefact,
    Origin,
    PublishedPort,
    State,
    Wanted,
)

HERE = Path("/state")
CONTAINER = ContainerArtefact(HERE, of_bytes(b"manifest"))
MACHINE = MachineArtefact(HERE, HERE, HERE)


def _wanted(name: str, *ports: PublishedPort) -> Wanted:
    return Wanted(name, Origin("web", 1, of_bytes(b"web")), CONTAINER, ports)


def test_instance_that_ends_without_a_reason_is_stopped_and_with_one_failed() -> None:
    engine = FakeEngine(HERE, SystemClock())
    for name in ("a", "b"):
        engine.start(_wanted(name))
    engine.computer.end(HERE, "a")
    engine.computer.end(HERE, "b", "It burst")
    assert [(one.state, one.reason) for one in engine.observe()] == [
        (State.STOPPED, ""),
        (State.FAILED, "It burst"),
    ]


def test_start_fails_as_told_and_leaves_nothing() -> None:
    engine = FakeEngine(HERE, SystemClock())
    engine.computer.refuse_to_start("a", "No room")
    with pytest.raises(EngineError, match="No room"):
        engine.start(_wanted("a"))
    assert engine.observe() == []


def test_port_is_free_again_when_its_instance_ended() -> None:
    engine, port = FakeEngine(HERE, SystemClock()), PublishedPort(80, 8080)
    engine.start(_wanted("a", port))
    with pytest.raises(ConflictError, match="8080"):
        engine.start(_wanted("b", port))
    engine.computer.end(HERE, "a", "It burst")
    engine.start(_wanted("b", port))
    listener = engine.computer.listener(port)
    assert listener is not None
    assert listener.wanted.name == "b"


def test_engines_share_ports_but_not_instances() -> None:
    computer, port = FakeComputer(), PublishedPort(80, 8080)
    one = FakeEngine(HERE, SystemClock(), computer)
    other = FakeEngine(Path("/other"), SystemClock(), computer)
    one.start(_wanted("a", port))
    assert other.observe() == []
    with pytest.raises(ConflictError):
        other.start(_wanted("a", port))


def test_variant_is_the_only_one_it_runs() -> None:
    engine = FakeEngine(HERE, SystemClock(), variant="vm")
    assert engine.capabilities().variant == "vm"
    with pytest.raises(InvalidInputError):
        engine.start(_wanted("a"))
    engine.start(Wanted("a", Origin("web", 1, of_bytes(b"web")), MACHINE))


def test_absent_instance_cannot_be_ended() -> None:
    with pytest.raises(NotFoundError):
        FakeComputer().end(HERE, "absent")
