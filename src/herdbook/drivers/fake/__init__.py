"""Runs nothing: drivers in memory that keep the ports' promises, for tests and demos."""

from herdbook.drivers.fake.behaviour import Act, Behaviour, CrashAt
from herdbook.drivers.fake.clock import FakeClock
from herdbook.drivers.fake.computer import FakeComputer
from herdbook.drivers.fake.deaths import FakeDeaths
from herdbook.drivers.fake.engine import FakeEngine
from herdbook.drivers.fake.names import FakeBooks, FakeNames
from herdbook.drivers.fake.prober import FakeProber
from herdbook.drivers.fake.switch import FakeCabling, FakeSwitch

__all__ = [
    "Act",
    "Behaviour",
    "CrashAt",
    "FakeBooks",
    "FakeCabling",
    "FakeClock",
    "FakeComputer",
    "FakeDeaths",
    "FakeEngine",
    "FakeNames",
    "FakeProber",
    "FakeSwitch",
]
