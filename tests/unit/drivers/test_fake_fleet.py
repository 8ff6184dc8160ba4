"""A whole fleet passes its time in one thread: fake instances fare as they are told to."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import EngineError, TimeoutExpiredError
from herdbook.drivers.fake import (
    Act,
    Behaviour,
    CrashAt,
    FakeClock,
    FakeComputer,
    FakeDeaths,
    FakeEngine,
    FakeProber,
)
from herdbook.fleet.instances import ContainerArtefact, Origin, State, Wanted
from herdbook.fleet.ports import Executed
from herdbook.fleet.probes import Probe, ProbeKind, ProbeTarget

HERE = Path("/state")
PROBE = Probe(ProbeKind.HTTP, 80, interval_seconds=1)


class CrashError(Exception):
    """The program under test ends here."""


class Fleet:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.computer = FakeComputer()
        self.engine = FakeEngine(HERE, self.clock, self.computer)
        self.prober = FakeProber(self.computer, HERE, self.clock)
        self.deaths = FakeDeaths(self.computer, self.clock)

    def start(self, name: str, number: int = 1) -> None:
        artefact = ContainerArtefact(HERE, of_bytes(b""))
        self.engine.start(Wanted(name, Origin("web", number, of_bytes(b"")), artefact))

    def follow(self) -> None:
        seen = self.engine.observe()
        self.deaths.follow({one.name: one.process for one in seen if one.process})
        self.prober.follow([ProbeTarget(one.name, "", PROBE) for one in seen])


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_behaviour_may_depend_on_the_version(fleet: Fleet) -> None:
    fleet.computer.behave(
        lambda wanted: Behaviour(refusal="No room" if wanted.origin.number == 2 else "")
    )
    fleet.start("a", number=1)
    with pytest.raises(EngineError, match="No room"):
        fleet.start("b", number=2)


def test_instance_becomes_well_hangs_and_dies_in_its_time(fleet: Fleet) -> None:
    fleet.computer.behave(
        lambda _: Behaviour(
            well_after_seconds=2, hangs_after_seconds=4, dies_after_seconds=6, death_reason="Burst"
        )
    )
    fleet.start("a")
    fleet.follow()
    fleet.clock.sleep(7.5)
    answers = fleet.prober.answers()
    assert [one.at_seconds for one in answers] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [one.well for one in answers] == [False, False, True, True, *[False] * 4]
    assert fleet.deaths.wait(0) == {"a"}
    (seen,) = fleet.engine.observe()
    assert (seen.state, seen.reason, seen.process) == (State.FAILED, "Burst", None)


def test_waiting_for_a_death_moves_the_clock_to_it_and_no_further(fleet: Fleet) -> None:
    fleet.computer.behave(lambda _: Behaviour(dies_after_seconds=3.21))
    fleet.start("a")
    fleet.follow()
    assert fleet.deaths.wait(60) == {"a"}
    assert fleet.clock.monotonic_seconds() == pytest.approx(3.21)
    assert fleet.deaths.wait(60) == set()
    assert fleet.clock.monotonic_seconds() == pytest.approx(63.21)


def test_stopping_is_the_end_of_a_process_too(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.follow()
    fleet.engine.stop("a")
    assert fleet.deaths.wait(0) == {"a"}
    assert not fleet.prober.answers()[0].well


def test_name_that_is_used_again_has_another_process(fleet: Fleet) -> None:
    fleet.start("a")
    first = fleet.engine.observe()[0].process
    fleet.engine.stop("a")
    fleet.start("a")
    assert fleet.engine.observe()[0].process != first


@pytest.mark.parametrize("nth", [0, 1, 2, 3, 4])
def test_crash_comes_at_the_nth_act_and_at_no_later_one(nth: int) -> None:
    acts = [Act(what, "a", moment) for what in ("start", "stop") for moment in ("before", "after")]
    watch = CrashAt(nth, CrashError)
    for number, act in enumerate(acts, 1):
        with pytest.raises(CrashError) if number == nth else nullcontext():
            watch(act)
    assert watch.acts == acts


def test_commands_are_answered_as_told_and_not_by_what_hangs(fleet: Fleet) -> None:
    fleet.start("a")
    fleet.computer.answer_command(["check"], Executed(1, "bad"))
    assert fleet.engine.execute("a", ["check"]) == Executed(1, "bad")
    assert fleet.engine.execute("a", ["other"]) == Executed(0, "")
    fleet.computer.hang(HERE, "a")
    with pytest.raises(TimeoutExpiredError):
        fleet.engine.execute("a", ["check"], limit_seconds=3)
    assert fleet.clock.monotonic_seconds() == 3
