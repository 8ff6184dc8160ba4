"""The machine's clock says since when it goes."""

from datetime import timedelta

from herdbook.core.clock import SystemClock


def test_the_machine_was_started_once_and_some_time_ago() -> None:
    clock = SystemClock()
    before, after = clock.booted_at(), clock.booted_at()
    assert abs(after - before) < timedelta(seconds=1)
    assert after < clock.now() - timedelta(seconds=1)
