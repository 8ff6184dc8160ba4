"""A part that is opened late is opened once, when it is used; to open the program loads none."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from herdbook.server.late import late


class _Part:
    def __init__(self, name: str) -> None:
        self.name = name

    def greet(self, whom: str) -> str:
        return f"{self.name} greets {whom}"


def test_a_part_is_opened_when_it_is_used_and_is_then_itself() -> None:
    opened: list[str] = []

    def opening(name: str) -> _Part:
        opened.append(name)
        return _Part(name)

    part = late(opening, name="anna")
    assert opened == []
    assert part.greet("bert") == "anna greets bert"
    assert part.name == "anna"
    assert opened == ["anna"]


def test_many_threads_get_one_part() -> None:
    opened: list[int] = []

    def opening() -> _Part:
        time.sleep(0.05)
        opened.append(1)
        return _Part(f"number {len(opened)}")

    part = late(opening)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(lambda _: part.name, range(8))) == {"number 1"}


def test_what_fails_to_open_fails_at_each_use() -> None:
    def opening() -> _Part:
        raise FileNotFoundError("no part")

    part = late(opening)
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="no part"):
            part.greet("bert")


def test_what_a_part_has_not_is_not_there() -> None:
    part = late(lambda: _Part("anna"))
    assert not hasattr(part, "sing")


_LOADED = """
import sys, herdbook.cli.session
print(*(name for name in sys.modules if name.startswith("herdbook.drivers.")))
"""


def test_to_open_the_program_loads_no_driver() -> None:
    """Each costs the start of every command: who needs one loads it."""
    said = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["herdbook.drivers.process"]
