"""Whoever stands by says for whom, takes over when it may, and works only while it is on duty."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from fake_fleet import Here
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop

from herdbook.actions.release_application import release_application
from herdbook.actions.roll_out import roll_out
from herdbook.core.errors import ConflictError, NetworkError
from herdbook.drivers.fake import FakeDeaths, FakeEngine, FakeProber
from herdbook.loops.reconcile import Reconciler
from herdbook.loops.stand_by import on_duty, wait_for_duty
from herdbook.recipes.model import Variant
from herdbook.rollouts.duty import Held, Post, UndisputedDuty, Verdict

OTHER = Post("oak", 7, "there", "/state", "mark")
HELD = Held(OTHER, 1, 0, datetime(2026, 11, 1, 12, tzinfo=UTC), held=True)


class MadeUpDuty(UndisputedDuty):
    """Answers as it is told to, and counts what was asked of it; then it asks to stop."""

    shared = True

    def __init__(self, *verdicts: Verdict | Exception, stop: Event) -> None:
        super().__init__()
        self.verdicts, self.stop = list(verdicts), stop
        self.on = False
        self.given_back: list[float] = []
        self.beats: list[int | None] = []

    def present(self) -> Held | None:
        return HELD

    def take(self, seen: Held | None, silent_seconds: float) -> Verdict:
        del seen, silent_seconds
        if len(self.verdicts) == 1:
            self.stop.set()
        found = self.verdicts.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def beat(self) -> int | None:
        return self.beats.pop(0) if self.beats else 0

    def holds(self) -> bool:
        return self.on

    def give_back(self) -> None:
        self.given_back.append(0.0)


class HastyClock:
    """Seconds as they are asked for."""

    def now(self) -> datetime:
        return HELD.since

    def monotonic_seconds(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        del seconds


def test_for_whom_it_stands_by_is_said_once() -> None:
    stop, said = Event(), list[str]()
    duty = MadeUpDuty(Verdict.WAIT, Verdict.WAIT, Verdict.WAIT, stop=stop)
    assert not wait_for_duty(duty, HastyClock(), stop, said.append)
    assert said == ["stands by: oak/7 works, since 2026-11-01 12:00:00 UTC"]


def test_who_cannot_ask_stands_by_and_says_why() -> None:
    stop, said = Event(), list[str]()
    duty = MadeUpDuty(NetworkError("nobody answers"), Verdict.TAKE, stop=stop)
    assert wait_for_duty(duty, HastyClock(), stop, said.append)
    assert said == ["stands by: nobody answers"]


def test_where_applications_live_elsewhere_it_ends_and_says_what_is_possible() -> None:
    stop = Event()
    duty = MadeUpDuty(Verdict.REFUSE, stop=stop)
    with pytest.raises(ConflictError, match=r"run on oak \(/state\), not here") as error:
        wait_for_duty(duty, HastyClock(), stop, print)
    assert "--move-here" in error.value.hint


def test_duty_is_given_back_in_the_end() -> None:
    duty = MadeUpDuty(stop=Event())
    with on_duty(duty, lambda: None, lambda: None):
        assert not duty.given_back
    assert len(duty.given_back) == 1


def test_whoever_loses_its_duty_and_whoever_is_disturbed_is_told() -> None:
    told, lost, disturbed = list[str](), Event(), Event()
    duty = MadeUpDuty(stop=Event())
    duty.beats = [3, 3, 4, None]

    def lose() -> None:
        told.append("lost")
        lost.set()

    def disturb() -> None:
        told.append("disturbed")
        disturbed.set()

    with on_duty(duty, lose, disturb):
        assert lost.wait(30)
    assert disturbed.is_set()
    assert told == ["disturbed", "lost"]


def test_nothing_is_done_while_another_one_may_be_on_duty(tmp_path: Path) -> None:
    duty = MadeUpDuty(stop=Event())
    workshop = replace(fleet_workshop(tmp_path / "state"), duty=duty)
    text = "services: {web: {image: web, x-herdbook: {bake: 1s}}}"
    release = release_application(workshop, MadeUpNetwork(), composed(tmp_path / "shop", text))
    roll_out(workshop, release)
    engine = workshop.engines[Variant.CONTAINER]
    assert isinstance(engine, FakeEngine)
    computer, clock = engine.computer, workshop.clock
    prober = FakeProber(computer, tmp_path / "state", clock)
    deaths = FakeDeaths(computer, clock, pause_seconds=0.1)
    loop = Reconciler(workshop, prober, deaths, Here(), print)
    for _ in range(20):
        loop.turn()
    assert not loop.tended
    assert not workshop.fleet.instances("shop")
    duty.on = True
    loop.turn()
    assert [each.component for each in workshop.fleet.instances("shop")] == ["web"]
