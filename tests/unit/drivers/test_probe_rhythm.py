"""When an instance is asked next."""

import pytest

from herdbook.drivers.probe_rhythm import Rhythm, first_at
from herdbook.fleet.probes import Probe, ProbeKind

PROBE = Probe(
    ProbeKind.TCP, 80, interval_seconds=10, start_period_seconds=60, start_interval_seconds=1
)


def test_single_newcomer_is_asked_at_once_and_many_within_an_interval() -> None:
    assert first_at(PROBE, 5, 1, chance=1) == 5
    assert first_at(PROBE, 5, 1001, chance=1) == 5.5
    assert first_at(PROBE, 5, 1_000_000, chance=1) == 15


def test_instance_is_asked_often_while_it_starts_and_was_never_well() -> None:
    rhythm = Rhythm(since=100)
    assert rhythm.interval(PROBE, 159) == 1
    assert rhythm.interval(PROBE, 160) == 10
    assert rhythm.answered(PROBE, well=False).interval(PROBE, 159) == 1
    once = rhythm.answered(PROBE, well=True)
    assert once.interval(PROBE, 159) == 1  # it has to be well twice
    assert once.answered(PROBE, well=False).answered(PROBE, well=True).was_well is False
    well = once.answered(PROBE, well=True)
    assert well.answered(PROBE, well=False).interval(PROBE, 159) == 10


@pytest.mark.parametrize(("chance", "expected"), [(0, 209), (0.5, 210), (1, 211)])
def test_intervals_differ_by_a_tenth(chance: float, expected: float) -> None:
    assert Rhythm(since=0).next_at(PROBE, 200, 200, chance) == pytest.approx(expected)


def test_question_that_took_longer_than_an_interval_is_followed_by_the_next_one() -> None:
    assert Rhythm(since=0).next_at(PROBE, 200, 230, 0.5) == 230
