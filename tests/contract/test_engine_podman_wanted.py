"""What the Podman driver makes of each wish: networks, mounts, process, confinement, stopping."""

import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from engine_benches import PodmanBench
from engine_container import USER_ID, write_foreign_container
from engine_support import stop_all, until, usable, wanted

from herdbook.core import digests
from herdbook.core.errors import ConflictError, HerdbookError
from herdbook.drivers.podman import PodmanEngine
from herdbook.drivers.process_identity import is_alive
from herdbook.drivers.runtime_directory import runtime_directory
from herdbook.fleet.instances import (
    Confinement,
    ContainerArtefact,
    HostNames,
    Mount,
    Plugs,
    ProcessChanges,
    State,
)

pytestmark = [pytest.mark.podman, pytest.mark.root]

FOREVER = ProcessChanges(
    ("/bin/sh", "-c"), ("trap 'exit 0' TERM; while :; do sleep 1 & wait; done",)
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodmanBench]:
    made = PodmanBench(tmp_path_factory.mktemp("podman"))
    with usable(made.engine()):
        yield made


@pytest.fixture
def engine(bench: PodmanBench) -> Iterator[PodmanEngine]:
    made = bench.engine()
    yield made
    stop_all(made)


@pytest.fixture(scope="module")
def foreign(
    bench: PodmanBench, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ContainerArtefact]:
    artefact = write_foreign_container(tmp_path_factory.mktemp("foreign") / "layout")
    yield artefact
    stop_all(bench.engine())
    tag = f"localhost/herdbook/web:{digests.hexadecimal(artefact.manifest)}"
    subprocess.run(["podman", "rmi", tag], check=False, capture_output=True)


def sh(engine: PodmanEngine, command: str) -> str:
    return engine.execute("web", ["/bin/sh", "-c", command]).output


def said(engine: PodmanEngine) -> list[str]:
    until(lambda: engine.observe()[0].state is not State.RUNNING)
    return list(engine.logs("web"))


@pytest.fixture
def plugs(tmp_path: Path) -> Iterator[Plugs]:
    """A network namespace with one card, as a switch makes it."""
    name = f"herdbook-test-{os.getpid()}-{tmp_path.name[-20:]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for command in (
            "link add card type veth peer name other",
            "address add 10.213.7.9/24 dev card",
            "link set lo up",
            "link set card up",
            "link set other up",
        ):
            subprocess.run(["ip", "-n", name, *command.split()], check=True)
        yield Plugs(
            Path("/run/netns") / name,
            address="10.213.7.9",
            resolver="10.213.7.1",
            search="shop.internal",
        )
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_plugged_instance_lives_in_its_namespace_and_knows_only_itself(
    bench: PodmanBench, engine: PodmanEngine, plugs: Plugs
) -> None:
    engine.start(wanted(bench, "web", plugs=plugs))
    assert "10.213.7.9/24" in sh(engine, "ip address")
    resolver = sh(engine, "cat /etc/resolv.conf").splitlines()
    assert sorted(resolver) == ["nameserver 10.213.7.1", "search shop.internal"]
    hosts = sh(engine, "cat /etc/hosts").splitlines()
    assert hosts == ["127.0.0.1 localhost", "10.213.7.9 web"]
    assert engine.observe()[0].ports == ()
    engine.stop("web")
    assert plugs.namespace is not None
    assert plugs.namespace.exists()


def test_plugged_service_may_listen_on_low_ports(
    bench: PodmanBench, engine: PodmanEngine, plugs: Plugs
) -> None:
    engine.start(wanted(bench, "web", plugs=plugs))
    until(lambda: "the service is ready" in engine.logs("web"))


def test_folders_and_files_are_seen_where_they_are_wanted(
    bench: PodmanBench, engine: PodmanEngine, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("content\n", encoding="utf-8")
    tmp_path.chmod(0o777)
    mounts = (
        Mount(tmp_path, "/data"),
        Mount(tmp_path, "/deep/er", read_only=True),
        Mount(tmp_path / "file", "/settings/app.conf", read_only=True),
    )
    engine.start(wanted(bench, "web", mounts=mounts))
    assert sh(engine, "cat /deep/er/file /settings/app.conf") == "content\n" * 2
    assert "Read-only" in sh(engine, "echo x >/deep/er/new")
    assert sh(engine, "echo written >/data/new") == ""
    assert (tmp_path / "new").read_text(encoding="utf-8") == "written\n"
    engine.stop("web")
    assert (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (ProcessChanges(), "entry command"),
        (ProcessChanges(command=("other", "words")), "entry other words"),
        (ProcessChanges(command=()), "entry"),
        (ProcessChanges(entrypoint=("/bin/busybox", "echo", "mine")), "mine"),
        (ProcessChanges(("/bin/busybox", "echo"), ("a b", "c")), "a b c"),
        (ProcessChanges((), ("/bin/busybox", "echo", "bare")), "bare"),
        (ProcessChanges(("/bin/sh", "-c", "id -u; pwd"), (), "7:8", "/run"), "7\n/run"),
    ],
)
def test_process_is_what_compose_says_even_of_a_foreign_image(
    bench: PodmanBench,
    engine: PodmanEngine,
    foreign: ContainerArtefact,
    changes: ProcessChanges,
    expected: str,
) -> None:
    engine.start(wanted(bench, "web", artefact=foreign, process=changes))
    assert "\n".join(said(engine)) == expected


@pytest.mark.parametrize(("asked", "heard"), [("", "QUIT"), ("SIGUSR1", "USR1")])
def test_process_is_asked_to_end_by_the_signal_it_heeds(
    bench: PodmanBench,
    engine: PodmanEngine,
    foreign: ContainerArtefact,
    tmp_path: Path,
    asked: str,
    heard: str,
) -> None:
    tmp_path.chmod(0o777)
    script = f"trap 'echo {heard} >/data/heard; exit 0' {heard}; touch /data/ready; "
    process = ProcessChanges(
        ("/bin/sh", "-c", script + "while :; do sleep 1 & wait $!; done"), stop_signal=asked
    )
    engine.start(
        wanted(bench, "web", artefact=foreign, process=process, mounts=(Mount(tmp_path, "/data"),))
    )
    until((tmp_path / "ready").exists)
    engine.stop("web", grace_seconds=20)
    assert (tmp_path / "heard").read_text(encoding="utf-8") == f"{heard}\n"


def test_confinement_is_as_wanted(bench: PodmanBench, engine: PodmanEngine) -> None:
    confinement = Confinement(
        processes=77,
        read_only_root=True,
        capabilities=("NET_RAW",),
        temporary=("/scratch",),
        shared_memory_bytes=1 << 20,
        file_limit=1 << 40,
    )
    # The service itself cannot run where it cannot write.
    engine.start(wanted(bench, "web", process=FOREVER, confinement=confinement, cpus=0.5))
    status = sh(engine, "cat /proc/self/status")
    assert f"CapBnd:\t{1 << 13:016x}" in status
    assert "NoNewPrivs:\t1" in status
    assert "Read-only" in sh(engine, "touch /www/x")
    assert sh(engine, "touch /scratch/x /dev/shm/x && echo written") == "written\n"
    mounts = sh(engine, "cat /proc/mounts")
    assert "size=1024k" in next(line for line in mounts.splitlines() if " /dev/shm " in line)
    assert {"/tmp", "/run", "/var/tmp"} <= {line.split()[1] for line in mounts.splitlines()}
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = sh(engine, "cat /proc/1/limits")
    (files,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert files.split()[3:5] == [str(most)] * 2
    found = "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max"
    assert "77" in sh(engine, found).split()


def test_names_and_settings_of_the_kernel_are_the_instances_own(
    bench: PodmanBench, engine: PodmanEngine, plugs: Plugs
) -> None:
    kernel = {
        "net.core.somaxconn": "1234",
        "net.ipv4.ip_local_port_range": "20000 30000",
        "net.ipv4.ip_unprivileged_port_start": "80",
        "kernel.msgmax": "4321",
    }
    names = HostNames("db.example.org", {"other": ("10.9.8.7", "10.9.8.6"), "six": ("fd00::7",)})
    before = Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii")
    engine.start(
        wanted(
            bench,
            "web",
            process=FOREVER,
            plugs=plugs,
            names=names,
            confinement=Confinement(kernel=kernel),
        )
    )
    assert sh(engine, "hostname") == "db.example.org\n"
    hosts = sh(engine, "cat /etc/hosts").splitlines()
    assert hosts[:2] == ["127.0.0.1 localhost", "10.213.7.9 db.example.org web"]
    assert hosts[2:] == ["10.9.8.7 other", "10.9.8.6 other", "fd00::7 six"]
    for name, value in kernel.items():
        found = sh(engine, f"cat /proc/sys/{name.replace('.', '/')}")
        assert found.split() == value.split()
    assert Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii") == before


def test_program_is_the_first_process_where_it_is_to_be(
    bench: PodmanBench, engine: PodmanEngine
) -> None:
    for init in (True, False):
        engine.start(wanted(bench, "web", process=replace(FOREVER, init=init)))
        first = sh(engine, "tr '\\0' ' ' </proc/1/cmdline")
        assert first.startswith("/bin/sh -c trap") is not init
        engine.stop("web")


def test_stop_takes_hardly_longer_than_the_service_and_is_hard_after_the_grace(
    bench: PodmanBench, engine: PodmanEngine
) -> None:
    deaf = ProcessChanges(("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"))
    process = engine.start(wanted(bench, "web", process=deaf)).process
    assert process is not None
    began = time.monotonic()
    engine.stop("web", grace_seconds=1)
    assert 1 <= time.monotonic() - began < 5
    assert not is_alive(process)


def test_stopping_one_that_is_slow_to_end_holds_nobody_up(
    bench: PodmanBench, engine: PodmanEngine
) -> None:
    deaf = ProcessChanges(("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"))
    names = [f"deaf{number}" for number in range(5)]  # more than Podman is called for at once
    for name in names:
        engine.start(wanted(bench, name, process=deaf))
    threads = [threading.Thread(target=engine.stop, args=(name, 60)) for name in names]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    engine.start(wanted(bench, "web", process=FOREVER))
    assert "web" in [seen.name for seen in engine.observe() if seen.state is State.RUNNING]
    engine.stop("web")
    assert time.monotonic() - began < 30
    for seen in engine.observe():
        assert seen.process is not None
        os.kill(seen.process.number, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert engine.observe() == []


def test_ten_start_and_stop_side_by_side(bench: PodmanBench, engine: PodmanEngine) -> None:
    names = [f"web{number}" for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        started = list(
            pool.map(lambda name: engine.start(wanted(bench, name, process=FOREVER)), names)
        )
        assert engine.observe() == started
        assert len({seen.process for seen in started}) == 10
        list(pool.map(engine.stop, names))
    assert engine.observe() == []


def test_image_that_somebody_removed_from_podmans_storage_is_imported_again(
    bench: PodmanBench, engine: PodmanEngine, tmp_path: Path
) -> None:
    artefact = write_foreign_container(tmp_path / "layout", author=str(tmp_path))
    origin = replace(wanted(bench, "web").origin, image=f"pruned-{os.getpid()}")
    for _ in range(2):
        engine.start(wanted(bench, "web", artefact=artefact, origin=origin))
        engine.stop("web")
        subprocess.run(["podman", "rmi", "--force", _image_id(bench)], check=True)


def _image_id(bench: PodmanBench) -> str:
    (kept,) = (bench.state_directory / "engines").rglob(f"pruned-{os.getpid()}-*.json")
    return kept.read_text(encoding="utf-8").partition('"identity":"')[2].partition('"')[0]


def test_start_under_a_taken_name_leaves_the_one_that_has_it_alone(
    bench: PodmanBench, engine: PodmanEngine
) -> None:
    secrets = {"token": b"open sesame"}
    engine.start(wanted(bench, "web", secrets=secrets, user_id=USER_ID, process=FOREVER))
    for broken in (bench.artefact, bench.broken_artefact):
        with pytest.raises(HerdbookError):
            engine.start(wanted(bench, "web", artefact=broken, secrets=secrets, user_id=USER_ID))
    with pytest.raises(ConflictError):
        engine.start(wanted(bench, "web", secrets=secrets))
    assert engine.observe()[0].state is State.RUNNING
    assert sh(engine, "cat $CREDENTIALS_DIRECTORY/token") == "open sesame"
    (directory,) = runtime_directory().rglob("*-web")
    assert len([path for path in directory.iterdir() if path.is_dir()]) == 1
