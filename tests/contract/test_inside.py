"""The promises of the Inside port, proven on every engine whose instances can be entered."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_benches import FakeBench, PodmanBench, SystemdBench
from engine_container import USER_ID
from engine_support import READY_SECONDS, until, usable, wanted

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

REAL = [
    pytest.param("podman", marks=[pytest.mark.podman, pytest.mark.root]),
    pytest.param("qemu", marks=[pytest.mark.qemu, pytest.mark.root, pytest.mark.archive]),
]

EnteredBench = FakeBench | PodmanBench | SystemdBench


@pytest.fixture(scope="module", params=["fake", *REAL])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EnteredBench]:
    directory = tmp_path_factory.mktemp(request.param)
    made: EnteredBench
    if request.param == "podman":
        made = PodmanBench(directory)
    elif request.param == "qemu":
        cache = request.config.cache
        assert cache is not None
        made = SystemdBench(directory, cache.mkdir("engine-kernel"))
    else:
        made = FakeBench(directory)
        made.computer.answer_command(FAILING, Executed(3, "said\ncomplained\n"))
    with usable(made.engine()):
        given = {"environment": {"GREETING": "hello"}, "secrets": {"token": b"open sesame"}}
        made.engine().start(wanted(made, "web", user_id=USER_ID, **given))
        made.engine().execute("web", ["/bin/true"], limit_seconds=READY_SECONDS)
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


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_command_that_is_not_there_has_the_status_a_shell_gives_it(bench: EnteredBench) -> None:
    executed = bench.engine().execute("web", ["/bin/absent"])
    assert executed.status in {126, 127}
    assert "/bin/absent" in executed.output


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_any_status_and_what_was_said_last_are_the_commands(bench: EnteredBench) -> None:
    executed = bench.engine().execute("web", ["/bin/sh", "-c", "printf mine; exit 125"])
    assert executed == Executed(125, "mine")


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_words_arrive_as_they_are(bench: EnteredBench) -> None:
    words = ["", "two words", "it's", '"quoted"', "$HOME", "a\nb", "é", "\\", "%s", "*"]
    executed = bench.engine().execute("web", ["/bin/sh", "-c", SHOWING, "sh", *words])
    assert executed == Executed(0, "".join(f"<{word}>" for word in words))


SHOWING = 'for word; do printf "<%s>" "$word"; done'


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_command_has_nothing_to_read(bench: EnteredBench) -> None:
    assert bench.engine().execute("web", ["/bin/cat"]) == Executed(0, "")


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_command_has_the_environment_and_the_rights_of_the_service(bench: EnteredBench) -> None:
    assert not isinstance(bench, FakeBench)
    engine = bench.engine()
    assert "GREETING=hello\n" in engine.execute("web", ["/bin/sh", "-c", "env"]).output
    token = engine.execute("web", ["/bin/sh", "-c", 'cat "$CREDENTIALS_DIRECTORY/token"'])
    assert token == Executed(0, "open sesame")
    own, service = (
        dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        for status in (
            engine.execute("web", ["/bin/sh", "-c", f"cat {path}"]).output
            for path in ("/proc/self/status", bench.service_status)
        )
    )
    assert own["Uid"].split()[0] == str(USER_ID)
    for right in ("Uid", "Gid", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"):
        assert own[right] == service[right], right


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_person_enters_and_is_heard(bench: EnteredBench) -> None:
    arguments = bench.engine().entering("web", ["/bin/cat"], terminal=False)
    entered = subprocess.run(arguments, input=b"hello", capture_output=True, check=True)
    assert entered.stdout == b"hello"
    arguments = bench.engine().entering("web", FAILING, terminal=False)
    failed = subprocess.run(arguments, capture_output=True, check=False)
    assert (failed.returncode, failed.stdout, failed.stderr) == (3, b"said\n", b"complained\n")


@pytest.mark.parametrize("bench", REAL, indirect=True)
def test_person_has_a_terminal_where_they_sit_at_one(bench: EnteredBench) -> None:
    words = ["/bin/sh", "-c", "test -t 0 && test -t 1 && echo a terminal"]
    arguments = bench.engine().entering("web", words, terminal=True)
    assert "a terminal" in at_a_terminal(arguments)


def at_a_terminal(arguments: list[str]) -> str:
    """Run a program at a terminal of its own; return what was shown there."""
    shown = bytearray()

    def read(descriptor: int) -> bytes:
        piece = os.read(descriptor, 4096)
        shown.extend(piece)
        return piece

    status = pty.spawn(arguments, read)
    assert os.waitstatus_to_exitcode(status) == 0
    return shown.decode()
