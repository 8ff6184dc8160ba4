"""The only place that reads the time, so that whatever decides is given it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day, and seconds that only grow."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Return seconds since some moment, unaffected by changes of the time of day."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - this is the one place

    def monotonic_seconds(self) -> float:
        """Return seconds since the machine was started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        time.sleep(seconds)

    def booted_at(self) -> datetime:
        """Return when the machine was started, by its time of day as it is now."""
        return self.now() - timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
