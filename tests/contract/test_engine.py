"""The promises of the Engine port, proven on every driver."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from engine_benches import FakeBench, PodmanBench, QemuBench
from engine_container import USER_ID
from engine_support import Bench, forms, free_port, seen_of, until, usable, wanted

from herdbook.core.errors import (
    ConflictError,
    EngineError,
    InvalidInputError,
    NotFoundError,
)
from herdbook.drivers.runtime_directory import runtime_directory
from herdbook.fleet.instances import PublishedPort, Seen, State, Wanted
from herdbook.fleet.ports import Engine

SECRET = b"open sesame 4711\n"
ENVIRONMENT = {"GREETING": 'good "morning", $USER `id` \\ it\'s me', "EMPTY": ""}


@pytest.fixture(
    scope="module",
    params=[
        "fake",
        pytest.param("podman", marks=[pytest.mark.podman, pytest.mark.root]),
        pytest.param("qemu", marks=pytest.mark.qemu),
    ],
)
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    directory = tmp_path_factory.mktemp(request.param)
    made = _make_bench(request, directory)
    with usable(made.engine()):
        yield made


def _make_bench(request: pytest.FixtureRequest, directory: Path) -> Bench:
    if request.param == "podman":
        return PodmanBench(directory)
    if request.param == "qemu":
        cache = request.config.cache
        assert cache is not None
        return QemuBench(directory, cache.mkdir("engine-kernel"))
    return FakeBench(directory)


@pytest.fixture(scope="module")
def running(bench: Bench) -> tuple[Wanted, PublishedPort]:
    """One instance for all tests that leave it alone; the process that started it has ended."""
    port = free_port()
    instance = wanted(
        bench,
        "running",
        ports=(port,),
        environment=ENVIRONMENT,
        secrets={"token": SECRET},
        user_id=USER_ID,
        health_path="/healthy",
        owner="shop",
    )
    bench.start_from_another_process(instance)
    until(lambda: bench.read(port, "/environment"))
    return instance, port


@pytest.fixture
def engine(bench: Bench) -> Engine:
    return bench.engine()


def _names(engine: Engine) -> list[str]:
    return [seen.name for seen in engine.observe()]


def test_instance_outlives_the_process_that_started_it_and_is_found_again(
    bench: Bench, running: tuple[Wanted, PublishedPort]
) -> None:
    instance, port = running
    seen = seen_of(bench.engine(), "running")
    expected = (State.RUNNING, instance.origin, (port,), "/healthy", "")
    assert (seen.state, seen.origin, seen.ports, seen.health_path, seen.reason) == expected
    assert seen.engine == bench.engine().name
    assert seen.started_at.tzinfo is not None


def test_owner_is_seen_and_nobody_owns_what_a_person_started(
    bench: Bench, engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    assert seen_of(engine, running[0].name).owner == "shop"
    assert engine.start(wanted(bench, "alone")).owner == ""
    engine.stop("alone", grace_seconds=0)


def test_process_is_the_one_whose_end_is_the_instances_end(bench: Bench, engine: Engine) -> None:
    processes = []
    for _ in range(2):
        started = engine.start(wanted(bench, "process")).process
        seen = seen_of(bench.engine(), "process").process
        assert seen is not None
        assert seen == started
        processes.append(seen)
        bench.kill("process")
        until(lambda: seen_of(engine, "process").state is not State.RUNNING)
        assert seen_of(engine, "process").process is None
        engine.stop("process")
    assert processes[0] != processes[1]


def test_accelerator_of_an_instance_is_the_one_of_the_engine(
    engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    assert seen_of(engine, running[0].name).accelerator == engine.capabilities().accelerator


def test_service_answers_on_the_published_port(
    bench: Bench, running: tuple[Wanted, PublishedPort]
) -> None:
    assert bench.read(running[1], "/environment")


def test_environment_reaches_the_service_unchanged(
    bench: Bench, running: tuple[Wanted, PublishedPort]
) -> None:
    lines = bench.read(running[1], "/environment").splitlines()
    assert {f"{name}={value}" for name, value in ENVIRONMENT.items()} <= set(lines)


def test_secrets_reach_the_service_as_files(
    bench: Bench, running: tuple[Wanted, PublishedPort]
) -> None:
    assert bench.read(running[1], "/credentials/token").encode() == SECRET


def test_secrets_are_seen_nowhere_else(
    bench: Bench, engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    visible = bench.seen_by_others(running[0].name) + repr(engine.observe()).encode()
    visible += "\n".join(engine.logs(running[0].name)).encode()
    assert not [form for form in forms(SECRET.strip()) if form in visible]


def test_another_state_directory_does_not_see_the_instance(
    bench: Bench, running: tuple[Wanted, PublishedPort], tmp_path: Path
) -> None:
    other = bench.engine(tmp_path / "other")
    assert other.observe() == []
    with pytest.raises(NotFoundError):
        other.logs(running[0].name)
    other.stop(running[0].name)
    assert seen_of(bench.engine(), "running").state is State.RUNNING


def test_taken_name_is_a_conflict(
    bench: Bench, engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    with pytest.raises(ConflictError, match="running"):
        engine.start(wanted(bench, running[0].name))
    assert bench.read(running[1], "/environment")


def test_taken_port_is_a_conflict_that_names_it_and_leaves_nothing(
    bench: Bench, engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    port = running[1]
    with pytest.raises(ConflictError, match=str(port.host_port)):
        engine.start(wanted(bench, "second", ports=(port,)))
    assert "second" not in _names(engine)


def test_instances_are_listed_by_name_as_start_returned_them(
    bench: Bench, engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    started = engine.start(wanted(bench, "another"))
    try:
        assert _names(engine) == ["another", running[0].name]
        assert seen_of(engine, "another") == started
    finally:
        engine.stop("another", grace_seconds=0)


def test_failed_start_leaves_nothing_behind(bench: Bench, engine: Engine) -> None:
    broken = wanted(bench, "broken", artefact=bench.broken_artefact, secrets={"token": SECRET})
    for _ in range(2):  # the second one meets nothing of the first
        with pytest.raises(EngineError):
            engine.start(broken)
    assert "broken" not in _names(engine)
    places = (bench.state_directory, runtime_directory())
    leftovers = [path for place in places for path in place.rglob("*broken*")]
    assert leftovers == []


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a" * 64, "../a"])
def test_name_that_is_no_host_name_is_refused(bench: Bench, engine: Engine, name: str) -> None:
    with pytest.raises(InvalidInputError):
        engine.start(wanted(bench, name))
    with pytest.raises(InvalidInputError):
        engine.stop(name)


def test_stopping_an_absent_instance_is_no_error(engine: Engine) -> None:
    engine.stop("absent")


def test_logs_of_an_absent_instance_are_not_found(engine: Engine) -> None:
    with pytest.raises(NotFoundError):
        list(engine.logs("absent"))


def test_logs_are_what_the_service_wrote(
    engine: Engine, running: tuple[Wanted, PublishedPort]
) -> None:
    assert list(engine.logs(running[0].name)) == ["the service starts", "the service is ready"]


def test_instance_that_ends_by_itself_is_seen_failed_with_a_reason(
    bench: Bench, engine: Engine
) -> None:
    engine.start(wanted(bench, "ending", environment={"ENDS_WITH": "3"}))
    bench.end("ending")
    until(lambda: seen_of(engine, "ending").state is State.FAILED)
    assert "status 3" in seen_of(engine, "ending").reason
    assert list(engine.logs("ending", follow=True))[-1] == "the service gives up"
    engine.stop("ending")
    assert "ending" not in _names(engine)


def test_killed_instance_is_seen_failed_and_its_name_is_free_after_stop(
    bench: Bench, engine: Engine
) -> None:
    port = free_port()
    engine.start(wanted(bench, "killed", ports=(port,)))
    bench.kill("killed")
    until(lambda: seen_of(bench.engine(), "killed").state is not State.RUNNING)
    seen = seen_of(engine, "killed")
    assert seen.state is State.FAILED
    assert seen.reason
    with pytest.raises(ConflictError):
        engine.start(wanted(bench, "killed"))
    engine.stop("killed")
    engine.start(wanted(bench, "killed", ports=(port,)))
    engine.stop("killed", grace_seconds=0)
    assert "killed" not in _names(engine)


def test_of_two_starts_at_once_one_wins(bench: Bench) -> None:
    def start(_: int) -> Seen | ConflictError:
        try:
            return bench.engine().start(wanted(bench, "twin"))
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(start, range(2)))
    assert {type(outcome) for outcome in outcomes} == {Seen, ConflictError}
    assert seen_of(bench.engine(), "twin").state is State.RUNNING
    bench.engine().stop("twin", grace_seconds=0)


@pytest.mark.parametrize("bench", ["podman", "qemu"], indirect=True)
def test_stop_is_kind_first_and_following_ends_with_the_instance(
    bench: Bench, engine: Engine
) -> None:
    engine.start(wanted(bench, "followed"))
    followed, lines = engine.logs("followed", follow=True), list[str]()
    follower = threading.Thread(target=lambda: lines.extend(followed), daemon=True)
    follower.start()
    until(lambda: "the service is ready" in lines)
    began = time.monotonic()
    bench.engine().stop("followed", grace_seconds=20)
    assert time.monotonic() - began < 10
    follower.join(timeout=10)
    assert not follower.is_alive()
    assert lines == ["the service starts", "the service is ready", "stopped kindly"]
    assert "followed" not in _names(engine)
