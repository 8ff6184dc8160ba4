"""The promises of the Inside port, proven on every engine whose instances can be entered."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_benches import FakeBench, PodmanBench
from engine_container import USER_ID
from engine_support import until, usable, wanted

from herdbook.core.errors import (
    EngineError,
    InvalidInputError,
    NotFoundError,
    TimeoutExpiredError,
)
from herdbook.fleet.instances import State
from herdbook.fleet.ports import Executed

FAILING = ("/bin/sh", "-c", "echo said; echo complained >&2; exit 3")
HANGING = ("/bin/sh", "-c", "exec sleep 4711")

EnteredBench = FakeBench | PodmanBench


@pytest.fixture(
    scope="module",
    params=["fake", pytest.param("podman", marks=[pytest.mark.podman, pytest.mark.root])],
)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EnteredBench]:
    directory = tmp_path_factory.mktemp(request.param)
    made: EnteredBench
    if request.param == "podman":
        made = PodmanBench(directory)
    else:
        made = FakeBench(directory)
        made.computer.answer_command(FAILING, Executed(3, "said\ncomplained\n"))
    with usable(made.engine()):
        made.engine().start(wanted(made, "web", environment={"GREETING": "hello"}))
        yield made


def test_command_ends_with_its_own_status_and_all_it_said(bench: EnteredBench) -> None:
    executed = bench.engine().execute("web", FAILING)
    assert executed.status == 3
    assert sorted(executed.output.splitlines()) == ["complained", "said"]


def test_absent_instance_is_not_found(bench: EnteredBench) -> None:
    with pytest.raises(NotFoundError):
        bench.engine().execute("absent", ["/bin/true"])


def test_name_that_is_no_host_name_is_refused(bench: EnteredBench) -> None:
    with pytest.raises(InvalidInputError):
        bench.engine().execute("../web", ["/bin/true"])
    with pytest.raises(InvalidInputError):
        bench.engine().entering("--latest", ["/bin/true"], terminal=False)


def test_instance_of_another_state_directory_is_not_found(
    bench: EnteredBench, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError):
        bench.engine(tmp_path).execute("web", ["/bin/true"])


def test_instance_that_has_ended_cannot_be_entered(bench: EnteredBench) -> None:
    engine = bench.engine()
    engine.start(wanted(bench, "ended"))
    bench.kill("ended")
    until(lambda: [one.state for one in engine.observe() if one.name == "ended"] == [State.FAILED])
    with pytest.raises(EngineError):
        engine.execute("ended", ["/bin/true"])
    engine.stop("ended")


def test_command_that_takes_too_long_is_ended(bench: EnteredBench) -> None:
    if isinstance(bench, FakeBench):
        bench.computer.hang(bench.state_directory, "web")
    began = time.monotonic()
    with pytest.raises(TimeoutExpiredError):
        bench.engine().execute("web", HANGING, limit_seconds=1)
    assert time.monotonic() - began < 5
    if isinstance(bench, FakeBench):
        bench.computer.hang(bench.state_directory, "web", hangs=False)
    until(lambda: "4711" not in bench.engine().execute("web", ["/bin/sh", "-c", LISTING]).output)


LISTING = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep '[s]leep 4711'"


@pytest.mark.parametrize("bench", ["podman"], indirect=True)
def test_command_that_is_not_there_has_the_status_a_shell_gives_it(bench: EnteredBench) -> None:
    executed = bench.engine().execute("web", ["/bin/absent"])
    assert executed.status in {126, 127}
    assert "/bin/absent" in executed.output


@pytest.mark.parametrize("bench", ["podman"], indirect=True)
def test_status_that_podman_has_for_itself_may_be_the_commands(bench: EnteredBench) -> None:
    executed = bench.engine().execute("web", ["/bin/sh", "-c", "echo mine; exit 125"])
    assert executed == Executed(125, "mine\n")


@pytest.mark.parametrize("bench", ["podman"], indirect=True)
def test_command_has_the_environment_and_the_rights_of_the_service(bench: EnteredBench) -> None:
    said = bench.engine().execute("web", ["/bin/sh", "-c", "env; cat /proc/self/status"]).output
    assert "GREETING=hello" in said
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == str(USER_ID)
    assert status["CapBnd"] == "0" * 16
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize("bench", ["podman"], indirect=True)
def test_person_enters_and_is_heard(bench: EnteredBench) -> None:
    arguments = bench.engine().entering("web", ["/bin/cat"], terminal=False)
    entered = subprocess.run(arguments, input=b"hello", capture_output=True, check=True)
    assert entered.stdout == b"hello"
    assert "--tty" in bench.engine().entering("web", ["/bin/sh"], terminal=True)
