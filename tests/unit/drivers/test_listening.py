"""A long program is heard while it runs, and all it said is still there afterwards."""

import time

import pytest

from herdbook.core.errors import TimeoutExpiredError
from herdbook.drivers import process


def test_each_line_is_told_when_it_comes() -> None:
    heard: list[tuple[str, float]] = []
    script = "echo first; echo second >&2; sleep 0.5; printf last"
    result = process.run(
        ["sh", "-c", script], heard=lambda line: heard.append((line, time.monotonic()))
    )
    assert (result.status, result.output, result.errors) == (0, "first\nlast", "second\n")
    times = dict(heard)
    assert set(times) == {"first\n", "second\n", "last"}
    assert times["last"] - times["first\n"] > 0.3


def test_more_than_a_pipe_holds_goes_in_and_out() -> None:
    given = b"line\n" * 100_000
    result = process.run(["cat"], given=given, heard=lambda _: None)
    assert result.output.encode() == given


def test_a_program_that_reads_nothing_ends_all_the_same() -> None:
    result = process.run(["false"], given=bytes(1 << 20), heard=lambda _: None)
    assert result.status == 1


def test_the_time_limit_ends_what_is_listened_to_and_its_children() -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutExpiredError):
        process.run(["sh", "-c", "sleep 60 & wait"], limit_seconds=0.3, heard=lambda _: None)
    assert time.monotonic() - started < 10
