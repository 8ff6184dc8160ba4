"""What the QEMU driver promises of entering machines, beyond the port: nothing makes it stick."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_benches import SystemdBench
from engine_support import READY_SECONDS, until, usable, wanted

from herdbook.core.clock import SystemClock
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError, TimeoutExpiredError
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.inside_turns import take_turn
from herdbook.drivers.qemu.ports_inside import COMMANDS, END, Lane, pipe_of
from herdbook.fleet.ports import Executed
from herdbook.packages.suites import SUITES

pytestmark = [pytest.mark.qemu, pytest.mark.root, pytest.mark.archive]

SLEEPING = ("/bin/sh", "-c", "exec sleep 4711")
_LIST = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -o '[s]leep 47[0-9]*'"
LISTING = ("/bin/sh", "-c", _LIST)


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SystemdBench]:
    cache = request.config.cache
    assert cache is not None
    made = SystemdBench(tmp_path_factory.mktemp("inside"), cache.mkdir("engine-kernel"))
    with usable(made.engine()):
        made.engine().start(wanted(made, "web"))
        made.engine().execute("web", ["/bin/true"], limit_seconds=READY_SECONDS)
        yield made


def directory_of(bench: SystemdBench) -> Path:
    return Directories(bench.state_directory.resolve()).of("web")


def sleepers(bench: SystemdBench) -> str:
    return bench.engine().execute("web", LISTING, limit_seconds=READY_SECONDS).output


@pytest.mark.parametrize("suite", sorted(SUITES.keys() - {"bookworm"}))
def test_machines_of_every_suite_take_commands(
    suite: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cache = request.config.cache
    assert cache is not None
    bench = SystemdBench(tmp_path, cache.mkdir("engine-kernel"), suite)
    with usable(bench.engine()):
        bench.engine().start(wanted(bench, "web", environment={"GREETING": "hello"}))
        words = ["/bin/sh", "-c", 'echo "$GREETING"; id -u; echo no >&2; exit 3']
        executed = bench.engine().execute("web", words, limit_seconds=READY_SECONDS)
        assert executed == Executed(3, "hello\n1000\nno\n")
        arguments = bench.engine().entering("web", ["md5sum"], terminal=False)
        summed = subprocess.run(arguments, input=bytes(1 << 17), capture_output=True, check=True)
        assert summed.stdout == b"0dfbe8aa4c20b52e1b8bf3cb6cbdf193  -\n"


def test_much_input_and_output_arrive_whole(bench: SystemdBench) -> None:
    content = os.urandom(1 << 20)
    arguments = bench.engine().entering("web", ["/bin/cat"], terminal=False)
    entered = subprocess.run(arguments, input=content, capture_output=True, check=True)
    assert entered.stdout == content


def test_of_what_is_said_without_end_the_last_is_kept(bench: SystemdBench) -> None:
    words = ["/bin/sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; echo the end"]
    executed = bench.engine().execute("web", words, limit_seconds=READY_SECONDS)
    assert executed.output.endswith("xxxthe end\n")
    assert len(executed.output) == 1 << 20


def test_what_a_command_leaves_running_ends_with_it(bench: SystemdBench) -> None:
    words = ["/bin/sh", "-c", "setsid sleep 4712 >/dev/null 2>&1 & echo left"]
    assert bench.engine().execute("web", words) == Executed(0, "left\n")
    until(lambda: sleepers(bench) == "")


def test_command_that_heeds_no_signal_is_ended_with_all_its_children(bench: SystemdBench) -> None:
    words = ["/bin/sh", "-c", "trap '' TERM INT HUP; setsid sleep 4713 & sleep 4714; sleep 4715"]
    with pytest.raises(TimeoutExpiredError):
        bench.engine().execute("web", words, limit_seconds=2)
    assert sleepers(bench) == ""


def test_what_floods_its_output_is_ended_in_time(bench: SystemdBench) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutExpiredError):
        bench.engine().execute("web", ["/usr/bin/yes"], limit_seconds=2)
    assert time.monotonic() - began < 15
    assert bench.engine().execute("web", ["/bin/true"], READY_SECONDS).status == 0


def test_command_that_kills_what_runs_it_is_no_success(bench: SystemdBench) -> None:
    with pytest.raises(EngineError):
        bench.engine().execute("web", ["/bin/sh", "-c", "kill -9 $PPID"], READY_SECONDS)
    assert bench.engine().execute("web", ["/bin/true"], READY_SECONDS).status == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_what_a_person_ran_ends_with_them_or_with_the_next_command(
    bench: SystemdBench, how: signal.Signals
) -> None:
    arguments = bench.engine().entering("web", SLEEPING, terminal=False)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE) as person:
        time.sleep(2)
        person.send_signal(how)
        assert person.wait() in {128 + how, -how}
    next_one = bench.engine().entering("web", ["/bin/true"], terminal=False)
    subprocess.run(next_one, stdin=subprocess.DEVNULL, check=True)
    assert sleepers(bench) == ""


def test_people_enter_one_after_the_other_and_whoever_comes_meanwhile_is_told(
    bench: SystemdBench,
) -> None:
    """What a program asks, as a health check does, waits for none of them."""
    words = ["/bin/sh", "-c", "echo begun; exec sleep 4716"]
    arguments = bench.engine().entering("web", words, terminal=False)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as person:
        assert person.stdout is not None
        assert person.stdout.readline() == b"begun\n"
        began = time.monotonic()
        assert bench.engine().execute("web", ["/bin/true"], READY_SECONDS).status == 0
        assert time.monotonic() - began < 5
        other = bench.engine().entering("web", ["/bin/true"], terminal=False)
        told = subprocess.run(other, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert b"only one can at a time" in told.stderr
        assert sleepers(bench) == "sleep 4716\n"  # it goes on
        person.terminate()
        person.wait()
    assert sleepers(bench) == ""


def test_what_a_program_asks_keeps_no_person_out_and_its_end_ends_nothing_of_theirs(
    bench: SystemdBench,
) -> None:
    def ask() -> None:
        with pytest.raises(TimeoutExpiredError):
            bench.engine().execute("web", ["/bin/sleep", "4718"], limit_seconds=4)

    asking = threading.Thread(target=ask)
    asking.start()
    words = ["/bin/sh", "-c", "sleep 6; echo done"]
    entered = subprocess.run(
        bench.engine().entering("web", words, terminal=False),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    asking.join()
    assert (entered.returncode, entered.stdout) == (0, b"done\n")


def test_machine_started_before_programs_had_ports_takes_commands_by_peoples(
    bench: SystemdBench,
) -> None:
    directories = Directories(bench.state_directory.resolve())
    record = directories.read("web")
    assert record is not None
    directories.write(replace(record, asking=False))
    try:
        with (
            take_turn(directory_of(bench), Lane.PEOPLE, 1, SystemClock()),
            pytest.raises(ConflictError, match="one can at a time"),
        ):
            bench.engine().execute("web", ["/bin/true"], limit_seconds=0.5)
        assert bench.engine().execute("web", ["/bin/true"], READY_SECONDS).status == 0
    finally:
        directories.write(record)


def test_garbage_in_the_port_is_passed_over(bench: SystemdBench) -> None:
    """Of half a request, of another one's input, or of nobody knows what."""
    rest = [b"run 0 0 ZXhlYyBzbGVlcCA0NzE3\n", b"open 1\nrun 2 0 ZXhlYyBzbGVlcCA0NzE3\n"]
    for garbage in (*rest, b"\n", b"QUJD\n.\n", os.urandom(2000), b"\0" * 100, b"open"):
        with pipe_of(directory_of(bench), Lane.PROGRAMS, COMMANDS).into.open(
            "wb", buffering=0
        ) as stream:
            stream.write(garbage)
    began = time.monotonic()
    assert sleepers(bench) == ""
    assert time.monotonic() - began < 30


def test_host_that_was_killed_while_it_ended_a_command_harms_no_other(bench: SystemdBench) -> None:
    """What it asked for may be done any time later: that must not end what runs then."""
    directory = directory_of(bench)
    with take_turn(directory, Lane.PROGRAMS, 1, SystemClock()) as turn:
        turn.begin()
    for _ in range(3):
        with pipe_of(directory, Lane.PROGRAMS, END).into.open("wb", buffering=0) as stream:
            stream.write(b"0123456789abcdef\n" * 5)
        assert bench.engine().execute("web", ["/bin/sleep", "1"], READY_SECONDS).status == 0
        with take_turn(directory, Lane.PROGRAMS, 1, SystemClock()) as turn:
            assert not turn.is_anything_left
            turn.begin()


def test_request_that_nobody_waits_for_any_more_is_not_carried_out(bench: SystemdBench) -> None:
    """Whoever asked was killed before the machine, which just starts, has answered."""
    with pipe_of(directory_of(bench), Lane.PROGRAMS, COMMANDS).into.open(
        "wb", buffering=0
    ) as stream:
        stream.write(b"\nopen 0123456789abcdef\n")
    assert sleepers(bench) == ""


def test_command_too_long_for_a_machine_is_refused(bench: SystemdBench) -> None:
    with pytest.raises(InvalidInputError, match="cannot be handed to a machine"):
        bench.engine().execute("web", ["/bin/echo", "x" * (1 << 17)])


def test_machine_that_does_not_answer_is_said_not_to(bench: SystemdBench) -> None:
    """One that never comes as far as its service."""
    engine = bench.engine()
    engine.start(wanted(bench, "early"))
    with pytest.raises(EngineError, match="takes commands"):
        engine.execute("early", ["/bin/true"], limit_seconds=0.2)
    engine.stop("early", grace_seconds=0)


def test_machine_of_before_is_still_known_and_not_entered(bench: SystemdBench) -> None:
    """It was started without ports; it is seen, and stopped, as ever."""
    directories = Directories(bench.state_directory.resolve())
    record = directories.read("web")
    assert record is not None
    directories.write(replace(record, inside=False))
    try:
        assert "web" in [seen.name for seen in bench.engine().observe()]
        with pytest.raises(EngineError, match="could not enter machines yet") as caught:
            bench.engine().execute("web", ["/bin/true"])
        assert "herdbook stop web" in caught.value.hint
    finally:
        directories.write(record)


def test_nobody_else_can_write_to_the_ports(bench: SystemdBench) -> None:
    folder = directory_of(bench)
    pipes = [*folder.glob("inside-*.*"), *folder.glob("asking-*.*")]
    assert len(pipes) == 12
    assert {each.stat().st_mode & 0o077 for each in pipes} == {0}
    assert directory_of(bench).stat().st_mode & 0o077 == 0
