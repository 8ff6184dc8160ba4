"""Time is told in UTC, and silence takes whatever it is told."""

from datetime import UTC, datetime, timedelta

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.progress import NoProgress


def test_the_clock_tells_the_time_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_seconds_only_grow_while_one_sleeps() -> None:
    clock = SystemClock()
    before = clock.monotonic_seconds()
    clock.sleep(0.01)
    assert clock.monotonic_seconds() - before >= 0.01


def test_no_progress_lets_work_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    progress = NoProgress()
    with progress.task("work", total=3, unit="bytes") as task:
        task.advance()
        task.describe("half-way")
    progress.say("done")
    assert capfd.readouterr() == ("", "")


def test_the_machine_was_started_once_and_some_time_ago() -> None:
    clock = SystemClock()
    before, after = clock.booted_at(), clock.booted_at()
    assert abs(after - before) < timedelta(seconds=1)
    assert after < clock.now() - timedelta(seconds=1)
