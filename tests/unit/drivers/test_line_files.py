"""Lines are read whole and in order, however their file is written, removed or replaced."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from herdbook.drivers.line_files import follow_lines, last_lines


class _ActingClock:
    """A clock by which something happens at each pause."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        self._acts = list(acts)

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic_seconds(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self._acts.pop(0)()

    def has_acts(self) -> bool:
        return bool(self._acts)


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def test_missing_file_has_no_lines(tmp_path: Path) -> None:
    clock = _ActingClock()
    assert list(follow_lines(tmp_path / "absent", lambda: True, clock)) == []
    assert last_lines(tmp_path / "absent", 5) == []


def test_lines_end_with_line_feeds_of_any_kind_and_the_last_may_lack_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\r\ntwo\n\nf\xffur")
    lines = list(follow_lines(path, lambda: False, _ActingClock()))
    assert lines == ["one", "two", "", "f\N{REPLACEMENT CHARACTER}ur"]


def test_following_joins_what_was_written_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _append(path, "on")
    clock = _ActingClock(
        lambda: _append(path, "e\ntw"), lambda: None, lambda: _append(path, "o\nthree")
    )
    assert list(follow_lines(path, clock.has_acts, clock)) == ["one", "two", "three"]


def test_what_was_written_before_a_file_was_removed_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _append(path, "one\n")

    def end() -> None:
        _append(path, "last words\n")
        path.unlink()

    clock = _ActingClock(end)
    assert list(follow_lines(path, clock.has_acts, clock)) == ["one", "last words"]


def test_file_that_was_put_in_its_place_is_read_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    _append(path, "one\n")

    def rotate() -> None:
        _append(tmp_path / "new", "two\n")
        (tmp_path / "new").replace(path)

    clock = _ActingClock(rotate, lambda: _append(path, "three\n"))
    assert list(follow_lines(path, clock.has_acts, clock)) == ["one", "two", "three"]


def test_last_lines_are_at_most_as_many_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"{number}\n" for number in range(100_000)), encoding="ascii")
    assert last_lines(path, 3) == ["99997", "99998", "99999"]


def test_what_was_given_back_of_a_beginning_is_passed_over(tmp_path: Path) -> None:
    """A log that grew too long has a hole there, and half a line after it."""
    path = tmp_path / "log"
    lines = [f"{number:07}" for number in range(100_000)]
    path.write_text("\n".join(lines) + "\n")

    def give_back(length: int) -> None:
        words = ["fallocate", "--punch-hole", "--offset=0", f"--length={length}", str(path)]
        subprocess.run(words, check=True)

    give_back(400 << 10)
    clock = _ActingClock(lambda: _append(path, "last\n"))
    assert list(follow_lines(path, clock.has_acts, clock)) == [
        *lines[(400 << 10) // 8 + 1 :],
        "last",
    ]
    assert last_lines(path, 2) == [lines[-1], "last"]


def test_a_reader_that_is_overtaken_goes_on_with_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("first\nhalf")

    def overtake() -> None:
        _append(path, "\n" + "more\n" * 10_000)
        subprocess.run(
            ["fallocate", "--punch-hole", "--offset=0", "--length=16384", str(path)], check=True
        )

    clock = _ActingClock(overtake)
    read = list(follow_lines(path, clock.has_acts, clock))
    assert read[0] == "first"
    assert set(read[1:]) == {"more"}
    assert 6_000 < len(read) < 7_000
