"""Runs nothing: an engine in memory that keeps the port's promises, for tests and demos."""

from herdbook.drivers.fake.computer import FakeComputer
from herdbook.drivers.fake.engine import FakeEngine

__all__ = ["FakeComputer", "FakeEngine"]
