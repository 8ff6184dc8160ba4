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

    def wait_for(self, server: Server, seconds: float) -> float:
        """Wait until that one works."""
        number = server.program.pid
        return wait_for(lambda: self.status()["process"] == number, seconds, f"{number} works")

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
        assert not any(each["words"].startswith("failed") for each in shown["happened"])


@pytest.fixture
def two(postgresql: str, tmp_path: Path) -> Iterator[Two]:
    """Three containers of v1 that serve."""
    settings = {"HERDBOOK_DATABASE": new_database(postgresql, f"servers-{uuid4()}")}
    with ExitStack() as stack:
        application = stack.enter_context(tiny_application(tmp_path, settings=settings))
        application.herdbook.must("images")  # makes the state directory
        first = stack.enter_context(serving(application))
        made = Two(application, first, first)
        made.wait_for(first, 20)
        second = stack.enter_context(serving(application))
        wait_for(lambda: made.status()["standing_by"] == [second.program.pid], 20, "stands by")
        application.up("v1")
        application.until("complete")
        yield replace(made, second=second)


@contextmanager
def serving(application: TinyApplication) -> Iterator[Server]:
    """A server until the block ends, by force if need be."""
    port = HostNetwork().free_port()
    with (application.herdbook.state / "server.log").open("ab") as log:
        program = subprocess.Popen(
            [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"],
            env=application.herdbook.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(program, port)
    finally:
        kill(program.pid)
        program.wait()


def said(application: TinyApplication) -> str:
    return (application.herdbook.state / "server.log").read_text()


def test_who_works_and_who_stands_by_is_said_and_both_give_out_images(two: Two) -> None:
    found = two.status()
    assert (found["works"], found["here"], found["host"]) == (True, True, os.uname().nodename)
    assert (found["process"], found["standing_by"]) == (
        two.first.program.pid,
        [two.second.program.pid],
    )
    assert f"stands by: {found['host']}/{found['process']} works" in said(two.application)
    told = json.loads(two.application.herdbook.run("doctor", "--json").stdout)
    (server,) = (each["detail"] for each in told if each["name"] == "server")
    assert f"/{found['process']} works, since " in server
    assert two.first.answers()
    assert two.second.answers()
    assert two.application.herdbook.json("registry")["served"]


def test_another_state_directory_may_not_start_the_same_once_more(two: Two, tmp_path: Path) -> None:
    """What is said names where they run, and what is possible."""
    elsewhere = replace(two.application.herdbook, state=tmp_path / "elsewhere")
    refused = elsewhere.run("serve")
    assert refused.returncode == 10
    assert str(two.application.herdbook.state) in refused.stderr
    assert "--move-here" in refused.stderr
    assert two.status()["process"] == two.first.program.pid
    assert two.application.is_whole()


def test_a_server_killed_in_a_rollout_is_taken_over_from(two: Two) -> None:
    two.roll_out("v2")
    time.sleep(0.7)
    kill(two.first.program.pid)
    two.wait_for(two.second, TAKEN_OVER_SECONDS)
    two.is_done("v2")
    assert two.second.answers()


def test_a_server_that_was_stopped_beyond_its_lease_does_nothing_late(two: Two) -> None:
    """It was stopped in the midst of a rollout, and comes back when that is over."""
    application = two.application
    two.roll_out("v2")
    time.sleep(0.7)
    os.kill(two.first.program.pid, signal.SIGSTOP)
    two.wait_for(two.second, TAKEN_OVER_SECONDS)
    time.sleep(1.0)
    os.kill(two.first.program.pid, signal.SIGCONT)
    two.is_done("v2")
    processes, instances = application.processes(), application.shown()["instances"]
    wait_for(lambda: "another server has taken over" in said(application), 10, "it notices")
    time.sleep(2.0)
    assert application.processes() == processes
    assert application.shown()["instances"] == instances
    assert application.is_whole()
    assert two.status()["standing_by"] == [two.first.program.pid]


def test_a_server_that_ends_in_order_is_followed_at_once_and_both_leave_nothing(two: Two) -> None:
    application = two.application
    two.first.program.send_signal(signal.SIGTERM)
    assert two.first.program.wait(30) == 0
    assert two.wait_for(two.second, TAKEN_OVER_SECONDS) < 5
    processes = application.processes()
    assert application.healed(0, signal.SIGKILL)
    assert len(set(application.processes().items()) & set(processes.items())) == 2
    application.herdbook.must("down", application.name)
    assert "the server has ended" in application.herdbook.must("serve", "--stop")
    assert two.second.program.wait(30) == 0
    assert not application.left()
    assert not two.status()["works"]
    state = application.herdbook.state
    assert not list((state / "servers").iterdir())
    assert not list(state.glob("registry*.json"))
