"""The promises of the Prober port, proven on real services and on those of a fake computer."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from probe_service import OK, ProbeService

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.core.errors import ConflictError, TimeoutExpiredError
from herdbook.drivers.fake import FakeClock, FakeComputer, FakeEngine, FakeProber
from herdbook.drivers.probes import HostProber
from herdbook.fleet.instances import ContainerArtefact, Origin, Wanted
from herdbook.fleet.ports import Executed, Prober
from herdbook.fleet.probes import Answer, Probe, ProbeKind, ProbeTarget

pytestmark = pytest.mark.alone  # when it asks

INTERVAL = 0.1


class Bench(Protocol):
    prober: Prober

    def begin(self, name: str) -> tuple[str, int]:
        """Start a service that is well; return its address and port."""
        ...

    def hang(self, name: str) -> None: ...

    def kill(self, name: str) -> None: ...

    def now(self) -> float: ...

    def let_pass(self, seconds: float) -> None: ...


def no_command(target: ProbeTarget) -> Executed:
    raise AssertionError(target)


class RealBench:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._services: dict[str, ProbeService] = {}
        self.prober: Prober = HostProber(SystemClock(), no_command)
        stack.callback(self.prober.close)

    def begin(self, name: str) -> tuple[str, int]:
        service = self._services[name] = self._stack.enter_context(ProbeService())
        return "127.0.0.1", service.port

    def hang(self, name: str) -> None:
        self._services[name].answer = self._services[name].hang

    def kill(self, name: str) -> None:
        self._services[name].close()

    def now(self) -> float:
        return time.monotonic()

    def let_pass(self, seconds: float) -> None:
        time.sleep(seconds)


class FakeBench:
    def __init__(self) -> None:
        self._scope = Path("/state")
        self._clock = FakeClock()
        self._computer = FakeComputer()
        self._engine = FakeEngine(self._scope, self._clock, self._computer)
        self.prober: Prober = FakeProber(self._computer, self._scope, self._clock)

    def begin(self, name: str) -> tuple[str, int]:
        artefact = ContainerArtefact(self._scope, of_bytes(b""))
        self._engine.start(Wanted(name, Origin("web", 1, of_bytes(b"")), artefact))
        return "10.0.0.1", 80

    def hang(self, name: str) -> None:
        self._computer.hang(self._scope, name)

    def kill(self, name: str) -> None:
        self._computer.end(self._scope, name, "It was killed")

    def now(self) -> float:
        return self._clock.monotonic_seconds()

    def let_pass(self, seconds: float) -> None:
        self._clock.sleep(seconds)


@pytest.fixture(params=["real", "fake"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield RealBench(stack) if request.param == "real" else FakeBench()


def target(bench: Bench, name: str, **changes: object) -> ProbeTarget:
    address, port = bench.begin(name)
    settings = {"port": port, "interval_seconds": INTERVAL, "timeout_seconds": 0.2, **changes}
    return ProbeTarget(name, address, Probe(ProbeKind.HTTP, **settings))  # type: ignore[arg-type]


def heard(bench: Bench, found: Callable[[Sequence[Answer]], bool]) -> list[Answer]:
    """Everything that is answered until it is found in it."""
    answers: list[Answer] = []
    for _ in range(400):
        answers += bench.prober.answers()
        if found(answers):
            return answers
        bench.let_pass(0.02)
    raise AssertionError(answers)


def test_instance_that_is_well_says_so_in_its_rhythm(bench: Bench) -> None:
    began = bench.now()
    bench.prober.follow([target(bench, "web")])
    answers = heard(bench, lambda answers: len(answers) >= 5)
    assert {(one.instance, one.well, one.complaint) for one in answers} == {("web", True, "")}
    times = [one.at_seconds for one in answers]
    assert times == sorted(times)
    assert began <= times[0] < began + 1
    assert times[4] - times[0] >= 4 * INTERVAL * 0.85


def test_answers_are_told_once(bench: Bench) -> None:
    bench.prober.follow([target(bench, "web", interval_seconds=50)])
    heard(bench, lambda answers: len(answers) == 1)
    assert bench.prober.answers() == []


def test_dead_instance_is_unwell_with_a_complaint(bench: Bench) -> None:
    bench.prober.follow([target(bench, "web")])
    heard(bench, bool)
    bench.kill("web")
    last = heard(bench, lambda answers: any(not one.well for one in answers))[-1]
    assert "Connection refused" in last.complaint


def test_hanging_instance_is_unwell_and_keeps_nobody_waiting(bench: Bench) -> None:
    targets = [target(bench, name) for name in ("web", "other")]
    bench.hang("web")
    bench.prober.follow(targets)
    answers = heard(bench, lambda answers: len(answers) >= 8)
    assert {(one.instance, one.well) for one in answers} == {("web", False), ("other", True)}
    assert all("did not answer" in one.complaint for one in answers if not one.well)


def test_only_those_that_are_followed_are_asked(bench: Bench) -> None:
    one, other = target(bench, "one"), target(bench, "other")
    bench.prober.follow([one, other])
    heard(bench, lambda answers: {answer.instance for answer in answers} == {"one", "other"})
    bench.prober.follow([other])
    bench.let_pass(0.1)
    bench.prober.answers()
    answers = heard(bench, lambda answers: len(answers) >= 3)
    assert {answer.instance for answer in answers} == {"other"}


def test_whoever_is_followed_on_keeps_the_rhythm(bench: Bench) -> None:
    slow = target(bench, "slow", interval_seconds=30)
    bench.prober.follow([slow])
    heard(bench, bool)
    for _ in range(5):
        bench.prober.follow([slow])
        bench.let_pass(0.02)
    assert bench.prober.answers() == []


def test_instance_is_asked_often_until_it_is_well_for_the_first_time(bench: Bench) -> None:
    one = target(
        bench,
        "web",
        interval_seconds=30,
        timeout_seconds=0.05,
        start_period_seconds=20,
        start_interval_seconds=0.05,
    )
    bench.kill("web")
    bench.prober.follow([one])
    answers = heard(bench, lambda answers: len(answers) >= 4)
    assert not any(answer.well for answer in answers)


def test_after_the_start_period_an_instance_is_asked_in_the_usual_rhythm(bench: Bench) -> None:
    one = target(
        bench,
        "web",
        interval_seconds=30,
        start_period_seconds=0.2,
        start_interval_seconds=0.05,
    )
    bench.kill("web")
    bench.prober.follow([one])
    bench.let_pass(0.6)
    bench.prober.answers()
    bench.let_pass(0.3)
    assert bench.prober.answers() == []


# What only a real service can show


@pytest.fixture
def prober() -> Iterator[HostProber]:
    made = HostProber(SystemClock(), no_command)
    yield made
    made.close()


def ask(prober: Prober, port: int, kind: ProbeKind = ProbeKind.HTTP, path: str = "/") -> Answer:
    probe = Probe(kind, port, path, interval_seconds=60, timeout_seconds=0.5)
    prober.follow([ProbeTarget("web", "127.0.0.1", probe)])
    for _ in range(200):
        answers = prober.answers()
        if answers:
            return answers[0]
        time.sleep(0.02)
    raise AssertionError("no answer")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (OK, ""),
        (b"HTTP/1.0 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", ""),
        (b"HTTP/1.1 399 Odd\r\n\r\n", ""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "It answered with status 400"),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "It answered with status 503"),
        (b"SSH-2.0-server\r\n", "It answered something that is not HTTP"),
        (b"HTTP/1.1 2", "It answered something that is not HTTP"),
        (b"", "It closed the connection"),
        (OK.replace(b": 2", b": 9000000") + b"x" * 3_000_000, ""),
    ],
)
def test_status_decides_and_no_redirect_is_followed(
    prober: HostProber, answer: bytes, complaint: str
) -> None:
    with ProbeService(answer) as service:
        given = ask(prober, service.port)
        assert (given.well, given.complaint) == (not complaint, complaint)
        assert len(service.requests) == 1


def test_answer_of_known_length_is_enough_where_the_service_keeps_the_connection(
    prober: HostProber,
) -> None:
    with ProbeService() as service:

        def stay(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            service.hang(connection)

        service.answer = stay
        began = time.monotonic()
        assert ask(prober, service.port).well
        assert time.monotonic() - began < 0.4


def test_answer_may_come_in_pieces(prober: HostProber) -> None:
    def slowly(connection: socket.socket) -> None:
        for piece in (b"HTTP/1.", b"1 20", b"0 OK\r\n", b"\r\nwell"):
            connection.sendall(piece)
            time.sleep(0.03)

    with ProbeService(slowly) as service:
        assert ask(prober, service.port).well


def test_request_names_the_address_and_wants_the_connection_closed(prober: HostProber) -> None:
    with ProbeService() as service:
        ask(prober, service.port, path="/healthy?deep=1")
        (request,) = service.requests
        lines = request.decode().split("\r\n")
        assert lines[0] == "GET /healthy?deep=1 HTTP/1.1"
        assert f"Host: 127.0.0.1:{service.port}" in lines
        assert "Connection: close" in lines


def test_connection_is_enough_for_tcp(prober: HostProber) -> None:
    with ProbeService(b"") as service:
        assert ask(prober, service.port, ProbeKind.TCP).well
    given = ask(prober, service.port, ProbeKind.TCP, "another target")
    assert "Connection refused" in given.complaint


@pytest.mark.parametrize("address", ["", "300.1.1.1", "::1", "127.0.0.1"])
def test_whatever_cannot_be_reached_is_unwell_and_others_are_asked_on(
    prober: HostProber, address: str
) -> None:
    with ProbeService() as service:
        good = Probe(ProbeKind.HTTP, service.port, interval_seconds=0.05)
        bad = Probe(ProbeKind.HTTP, 70000, interval_seconds=0.05)
        prober.follow([ProbeTarget("good", "127.0.0.1", good), ProbeTarget("bad", address, bad)])
        answers: list[Answer] = []
        deadline = time.monotonic() + 20
        while len({one.instance for one in answers}) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
            answers += prober.answers()
    assert {(one.instance, one.well) for one in answers} == {("good", True), ("bad", False)}


class Executing:
    def __init__(self) -> None:
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def __call__(self, target: ProbeTarget) -> Executed:
        (said,) = target.probe.command
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
        time.sleep(0.05)
        with self._lock:
            self.at_once -= 1
        if said == "hangs":
            raise TimeoutExpiredError(f"It took longer than {target.probe.timeout_seconds:g} s")
        return Executed(int(said), f"said by {target.instance}\nthe end\n")


def test_commands_are_asked_a_few_at_once_and_their_status_decides() -> None:
    executing = Executing()
    prober = HostProber(SystemClock(), executing)
    commands = {"zero": "0", "three": "3", "late": "hangs", "broken": "no number"}
    commands |= {f"more{number}": "0" for number in range(8)}
    prober.follow(
        [
            ProbeTarget(name, "", Probe(ProbeKind.COMMAND, command=(said,), timeout_seconds=2))
            for name, said in commands.items()
        ]
    )
    words: dict[str, str] = {}
    deadline = time.monotonic() + 20
    while len(words) < len(commands) and time.monotonic() < deadline:
        time.sleep(0.05)
        words |= {one.instance: one.complaint for one in prober.answers()}
    prober.close()
    assert words.keys() == commands.keys()
    assert words["zero"] == ""
    assert words["three"] == "The command ended with status 3: the end"
    assert words["late"] == "It took longer than 2 s"
    assert words["broken"].startswith("It could not be asked: ValueError")
    assert executing.most_at_once == 8


def test_instance_that_was_not_asked_as_another_command_ran_is_not_unwell_for_that() -> None:
    tries: list[float] = []

    def execute(_: ProbeTarget) -> Executed:
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise ConflictError("Another command runs in the machine")
        return Executed(0, "")

    prober = HostProber(SystemClock(), execute)
    probe = Probe(ProbeKind.COMMAND, command=("x",), interval_seconds=0.2)
    prober.follow([ProbeTarget("web", "", probe)])
    answers: list[Answer] = []
    deadline = time.monotonic() + 20
    while not answers and time.monotonic() < deadline:
        time.sleep(0.05)
        answers += prober.answers()
    prober.close()
    assert [one.well for one in answers] == [True]
    assert tries[2] - tries[0] >= 0.3  # in its rhythm, and not at once


def test_many_newcomers_are_not_asked_at_the_same_moment(prober: HostProber) -> None:
    with ProbeService() as service:
        probe = Probe(ProbeKind.HTTP, service.port, interval_seconds=0.5)
        names = [f"i{number}" for number in range(200)]
        prober.follow([ProbeTarget(name, "127.0.0.1", probe) for name in names])
        first: dict[str, float] = {}
        deadline = time.monotonic() + 20
        while len(first) < len(names) and time.monotonic() < deadline:
            time.sleep(0.05)
            for answer in prober.answers():
                first.setdefault(answer.instance, answer.at_seconds)
    assert first.keys() == set(names)
    assert max(first.values()) - min(first.values()) > 0.05


def test_closed_prober_asks_nobody_and_may_be_closed_again() -> None:
    with ProbeService() as service:
        prober = HostProber(SystemClock(), no_command)
        ask(prober, service.port)
        prober.close()
        prober.close()
        asked = len(service.requests)
        time.sleep(0.1)
        assert len(service.requests) == asked
