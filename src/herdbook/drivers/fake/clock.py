"""A clock that stands still until somebody sleeps, so that hours pass in no time."""

from datetime import UTC, datetime, timedelta

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """Begins at 2026-01-01 and 0 seconds; `sleep` is what moves it."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return _BEGINNING + timedelta(seconds=self._seconds)

    def monotonic_seconds(self) -> float:
        """Return seconds since the beginning."""
        return self._seconds

    def sleep(self, seconds: float) -> None:
        """Have that many seconds pass."""
        self._seconds += max(0.0, seconds)
