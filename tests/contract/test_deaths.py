"""The promises of the Deaths port, proven on real processes and on those of a fake computer."""

import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.drivers import process
from herdbook.drivers.deaths import PidfdDeaths
from herdbook.drivers.fake import FakeComputer, FakeDeaths, FakeEngine
from herdbook.drivers.process_identity import identify, kill
from herdbook.fleet.instances import ContainerArtefact, Origin, RunningProcess, Wanted
from herdbook.fleet.ports import Deaths

pytestmark = pytest.mark.alone  # how soon they are noticed

SOON = 10.0
NOW = 0.0


class Bench(Protocol):
    def deaths(self) -> Deaths: ...

    def begin(self) -> RunningProcess:
        """A process that runs until it is killed."""
        ...

    def kill(self, process: RunningProcess) -> None: ...


class RealBench:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def deaths(self) -> Deaths:
        return PidfdDeaths(SystemClock())

    def begin(self) -> RunningProcess:
        sleeper = self._stack.enter_context(process.spawn(["sleep", "600"]))
        found = identify(sleeper.pid)
        assert found is not None
        return found

    def kill(self, process: RunningProcess) -> None:
        kill(process)


class FakeBench:
    def __init__(self) -> None:
        self._computer = FakeComputer()
        self._scope = Path("/state")
        self._engine = FakeEngine(self._scope, SystemClock(), self._computer)
        self._names: dict[RunningProcess, str] = {}

    def deaths(self) -> Deaths:
        return FakeDeaths(self._computer, SystemClock())

    def begin(self) -> RunningProcess:
        name = f"i{len(self._names)}"
        artefact = ContainerArtefact(self._scope, of_bytes(b""))
        begun = self._engine.start(Wanted(name, Origin("web", 1, of_bytes(b"")), artefact)).process
        assert begun is not None
        self._names[begun] = name
        return begun

    def kill(self, process: RunningProcess) -> None:
        self._computer.end(self._scope, self._names[process], "It was killed")


@pytest.fixture(params=["real", "fake"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield RealBench(stack) if request.param == "real" else FakeBench()


@pytest.fixture
def deaths(bench: Bench) -> Iterator[Deaths]:
    made = bench.deaths()
    yield made
    made.close()


def test_death_is_told_once_and_of_nobody_else(bench: Bench, deaths: Deaths) -> None:
    one, other = bench.begin(), bench.begin()
    deaths.follow({"one": one, "other": other})
    assert deaths.wait(NOW) == set()
    bench.kill(one)
    assert deaths.wait(SOON) == {"one"}
    deaths.follow({"one": one, "other": other})
    assert deaths.wait(0.1) == set()


def test_one_who_waits_hears_of_a_death_and_of_somebody_new_at_once(
    bench: Bench, deaths: Deaths
) -> None:
    early, late = bench.begin(), bench.begin()
    deaths.follow({"early": early})
    heard: list[set[str]] = []
    waiting = threading.Thread(target=lambda: heard.append(deaths.wait(SOON)))
    waiting.start()
    time.sleep(0.05)
    deaths.follow({"early": early, "late": late})
    bench.kill(late)
    began = time.monotonic()
    waiting.join()
    assert time.monotonic() - began < 1
    assert heard == [{"late"}]


def test_process_that_is_gone_before_it_is_followed_counts_as_ended(
    bench: Bench, deaths: Deaths
) -> None:
    gone, alive = bench.begin(), bench.begin()
    bench.kill(gone)
    deaths.follow({"gone": gone, "alive": alive})
    assert deaths.wait(SOON) == {"gone"}


def test_number_that_another_process_has_by_now_counts_as_ended(
    bench: Bench, deaths: Deaths
) -> None:
    alive = bench.begin()
    earlier = replace(alive, started_ticks=alive.started_ticks - 1)
    deaths.follow({"earlier": earlier})
    assert deaths.wait(SOON) == {"earlier"}


def test_name_may_go_over_to_another_process(bench: Bench, deaths: Deaths) -> None:
    first, second = bench.begin(), bench.begin()
    deaths.follow({"web": first})
    bench.kill(first)
    assert deaths.wait(SOON) == {"web"}
    deaths.follow({"web": second})
    assert deaths.wait(NOW) == set()
    bench.kill(second)
    assert deaths.wait(SOON) == {"web"}


def test_nothing_is_told_of_what_is_followed_no_more(bench: Bench, deaths: Deaths) -> None:
    one = bench.begin()
    deaths.follow({"one": one})
    deaths.follow({})
    bench.kill(one)
    assert deaths.wait(0.1) == set()


def test_wake_ends_the_next_wait_and_only_that(deaths: Deaths) -> None:
    deaths.follow({})
    deaths.wake()
    began = time.monotonic()
    assert deaths.wait(SOON) == set()
    assert time.monotonic() - began < 1
    assert deaths.wait(0.05) == set()
    assert time.monotonic() - began >= 0.05


def test_wake_ends_a_wait_under_way(deaths: Deaths) -> None:
    timer = threading.Timer(0.1, deaths.wake)
    timer.start()
    began = time.monotonic()
    assert deaths.wait(SOON) == set()
    assert time.monotonic() - began < 5
    timer.join()


FEW_FILES = """
import os, resource, sys
from herdbook.core.clock import SystemClock
from herdbook.drivers.deaths import PidfdDeaths
from herdbook.drivers.process_identity import identify, kill

resource.setrlimit(resource.RLIMIT_NOFILE, (280, 300))
reading, writing = os.pipe()
children = []
for _ in range(100):
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    children.append(child)
followed = {str(child): identify(child) for child in children}
deaths = PidfdDeaths(SystemClock())
deaths.follow(followed)
assert len(os.listdir("/proc/self/fd")) < 60, "it leaves room for others"
for child in (children[0], children[-1]):
    kill(followed[str(child)])
    ended = deaths.wait(10)
    assert ended == {str(child)}, ended
os.close(writing)
left = set(followed) - {str(children[0]), str(children[-1])}
while left:
    told = deaths.wait(10)
    assert told and told <= left, told
    left -= told
for child in children:
    os.waitpid(child, 0)
"""


def test_processes_for_which_there_is_no_open_file_left_are_looked_at() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FEW_FILES], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_stays_open() -> None:
    with process.spawn(["sleep", "600"]) as sleeper:
        found = identify(sleeper.pid)
        assert found is not None
        before = open_files()
        deaths = PidfdDeaths(SystemClock())
        deaths.follow({"one": found})
        deaths.close()
        assert open_files() == before


def test_limit_of_open_files_is_left_alone_where_few_are_followed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    deaths = PidfdDeaths(SystemClock())
    deaths.follow({})
    deaths.close()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
