"""Two servers on one PostgreSQL do nothing twice, and one goes on where the other one ends."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from applications import TinyApplication, kill, tiny_application, wait_for
from postgresql import new_database
from product import PROGRAM

from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.podman, pytest.mark.root, pytest.mark.timeout(300)]

TAKEN_OVER_SECONDS = 12.0
"""The lease is one of five seconds; others work on the machine, too."""


@dataclass
class Server:
    """A `herdbook serve` of its own, at a port of its own."""

    program: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def said(self, words: str) -> bool:
        """Whether it has said that."""
        return words in self.log.read_text()

    def says(self, words: str, seconds: float = 20.0) -> float:
        """Wait until it has said that."""
        return wait_for(lambda: self.said(words), seconds, f"{words}: {self.log.read_text()}")

    def answers(self) -> bool:
        """Whether its registry view does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@dataclass
class Two:
    """An application, and the two servers of its state directory; the first one works."""

    application: TinyApplication
    first: Server
    second: Server

    def status(self) -> dict[str, Any]:
        """Which server works."""
        return dict(self.application.herdbook.json("serve", "--status"))

    def roll_out(self, version: str) -> None:
        """Begin a rollout, and leave it to the servers."""
        self.application.write(version)
        self.application.herdbook.must("up", self.application.file, "--no-wait")

    def is_done(self, version: str) -> None:
        """Wait until a version serves: each slot's first attempt at it, and nothing else."""
        application = self.application
        shown = application.until("complete", seconds=90)
        wait_for(application.is_whole, 30, application.words())
        assert application.answered_version() == version
        assert not [each for each in shown["happened"] if each["words"].startswith("failed")]
        application.version = version


@pytest.fixture(scope="module")
def shared(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TinyApplication]:
    """One application for all: coming up and going down takes longer than what is tested."""
    settings = {"HERDBOOK_DATABASE": new_database(postgresql, f"servers-{uuid4()}")}
    folder = tmp_path_factory.mktemp("servers")
    with tiny_application(folder, replicas=2, settings=settings) as made:
        made.herdbook.must("images")  # makes the state directory
        yield made


@pytest.fixture
def two(shared: TinyApplication) -> Iterator[Two]:
    """Containers that serve, and two servers of which the first one works."""
    with ExitStack() as stack:
        first = stack.enter_context(serving(shared))
        first.says("the server runs")
        second = stack.enter_context(serving(shared))
        second.says("stands by")
        shared.settle()
        yield Two(shared, first, second)


@contextmanager
def serving(application: TinyApplication) -> Iterator[Server]:
    """A server until the block ends, by force if need be."""
    port, state = HostNetwork().free_port(), application.herdbook.state
    path = state / f"server-{port}.log"
    (state / "server.log").touch()  # where only a server in the background writes
    with path.open("ab") as log:
        program = subprocess.Popen(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"],
            env=application.herdbook.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(program, port, path)
    finally:
        kill(program.pid)
        program.wait()


def test_who_works_is_said_and_nobody_starts_the_same_elsewhere(two: Two, tmp_path: Path) -> None:
    """Both give out images; a server of another state directory is refused, and told why."""
    found, numbers = two.status(), (two.first.program.pid, two.second.program.pid)
    assert (found["works"], found["here"], found["host"]) == (True, True, os.uname().nodename)
    assert (found["process"], *found["standing_by"]) == numbers
    assert two.second.said(f"stands by: {found['host']}/{numbers[0]} works, since ")
    told = json.loads(two.application.herdbook.run("doctor", "--json").stdout)
    (server,) = (each["detail"] for each in told if each["name"] == "server")
    assert f"/{numbers[0]} works, since " in server
    assert two.first.answers()
    assert two.second.answers()
    assert two.application.herdbook.json("registry")["served"]
    refused = replace(two.application.herdbook, state=tmp_path / "elsewhere").run("serve")
    assert refused.returncode == 10
    assert str(two.application.herdbook.state) in refused.stderr
    assert "--move-here" in refused.stderr
    assert two.status()["process"] == numbers[0]
    assert two.application.is_whole()


def test_a_server_killed_in_a_rollout_is_taken_over_from(two: Two) -> None:
    version = two.application.another_version()
    two.roll_out(version)
    time.sleep(0.5)
    kill(two.first.program.pid)
    two.second.says("the server runs", TAKEN_OVER_SECONDS)
    two.is_done(version)
    assert two.second.answers()


def test_a_server_that_was_stopped_beyond_its_lease_does_nothing_late(two: Two) -> None:
    """It was stopped in the midst of a rollout, and comes back when another one goes on with it."""
    application, version = two.application, two.application.another_version()
    two.roll_out(version)
    time.sleep(0.5)
    os.kill(two.first.program.pid, signal.SIGSTOP)
    two.second.says("the server runs", TAKEN_OVER_SECONDS)
    time.sleep(1.0)
    os.kill(two.first.program.pid, signal.SIGCONT)
    two.first.says("another server has taken over")
    two.is_done(version)
    processes, instances = application.processes(), application.shown()["instances"]
    time.sleep(2.0)
    assert application.processes() == processes
    assert application.shown()["instances"] == instances
    wait_for(application.is_whole, 30, application.words())
    assert two.status()["standing_by"] == [two.first.program.pid]


def test_a_server_that_ends_in_order_is_followed_at_once_and_both_leave_nothing(two: Two) -> None:
    application = two.application
    two.first.program.send_signal(signal.SIGTERM)
    assert two.first.program.wait(30) == 0
    assert two.second.says("the server runs") < TAKEN_OVER_SECONDS / 3
    before = application.process_in(0)
    kill(before)
    wait_for(lambda: before not in application.processes().values(), 30, "it is gone")
    wait_for(lambda: len(application.processes()) == application.replicas, 30, "it is healed")
    wait_for(application.is_whole, 30, application.words())
    application.herdbook.must("down", application.name)
    assert "the server has ended" in application.herdbook.must("serve", "--stop")
    assert two.second.program.wait(30) == 0
    assert not application.left()
    assert not two.status()["works"]
    state = application.herdbook.state
    assert not list((state / "servers").iterdir())
    assert not list(state.glob("registry*.json"))
