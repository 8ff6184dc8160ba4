"""Promises of the QEMU engine on volumes and network cards, seen from inside of a machine."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_support import seen_of, until, usable
from engine_whole_machine import (
    MODE,
    OWNER,
    start_in_namespace_of,
    two_networks,
    write_whole_machine,
)

from herdbook.core.clock import SystemClock
from herdbook.core.digests import of_bytes
from herdbook.core.errors import ConflictError, EngineError, NotFoundError
from herdbook.drivers.qemu import QemuEngine, disk_volumes, monitor
from herdbook.drivers.qemu.directories import Directories
from herdbook.drivers.qemu.machine_command import volume_node
from herdbook.fleet.instances import (
    MachineArtefact,
    Origin,
    Plugs,
    State,
    Tap,
    VolumeDisk,
    Wanted,
)
from herdbook.fleet.volumes import Volumes

pytestmark = [pytest.mark.qemu, pytest.mark.root]

SIZE_BYTES = 32 << 20
TAPS = (Tap("tap1", "02:48:0a:63:01:05"), Tap("tap2", "02:48:0a:63:02:05"))


@pytest.fixture(scope="module")
def artefact(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> MachineArtefact:
    cache = request.config.cache
    assert cache is not None
    return write_whole_machine(
        tmp_path_factory.mktemp("whole-machine"), cache.mkdir("engine-kernel")
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[QemuEngine]:
    made = QemuEngine(tmp_path, SystemClock())
    with usable(made):
        yield made


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return disk_volumes(tmp_path, SystemClock())


@pytest.fixture
def wanted(artefact: MachineArtefact, volumes: Volumes) -> Wanted:
    """A machine with three volumes, one of which lies in another one."""
    data, below, new = (volumes.make(name, SIZE_BYTES) for name in ("data", "below", "new"))
    disks = (
        VolumeDisk(below, "/data/below"),
        VolumeDisk(data, "/data"),
        VolumeDisk(new, "/srv/new", read_only=True),
    )
    return Wanted(
        "pet",
        Origin("shop/database", 7, of_bytes(b"database 7")),
        artefact,
        memory_bytes=192 << 20,
        cpus=0.5,
        owner="shop",
        volumes=disks,
    )


def _kill(engine: QemuEngine) -> None:
    """A power cut."""
    process = seen_of(engine, "pet").process
    assert process is not None
    os.kill(process.number, signal.SIGKILL)
    until(lambda: seen_of(engine, "pet").state is State.FAILED)
    assert seen_of(engine, "pet").process is None
    engine.stop("pet")


def _ready(engine: QemuEngine) -> list[str]:
    """Wait for the service, or the machine's end; return what it said."""
    until(
        lambda: (
            "the service is ready" in engine.logs("pet")
            or seen_of(engine, "pet").state is State.FAILED
        )
    )
    lines = list(engine.logs("pet"))
    assert "the service is ready" in lines, lines
    return lines


def test_a_machine_has_its_volumes_and_cards_and_gives_volumes_up_when_it_ends(
    engine: QemuEngine, volumes: Volumes, wanted: Wanted, tmp_path: Path
) -> None:
    """Also: snapshots of a running machine can be proven and laid back once it has ended."""
    with two_networks() as holder:
        start_in_namespace_of(holder, tmp_path, replace(wanted, plugs=Plugs(taps=TAPS)))
        seen = seen_of(engine, "pet")
        assert (seen.state, seen.owner, seen.ports) == (State.RUNNING, "shop", ())
        assert seen.process is not None

        # A second machine on the same volume is refused while the first one has it.
        second = replace(wanted, name="second", volumes=wanted.volumes[1:2])
        with pytest.raises(ConflictError, match="data"):
            engine.start(second)
        assert [one.name for one in engine.observe()] == ["pet"]
        with pytest.raises(ConflictError):
            volumes.restore("data", _snapshot(volumes, "too-early"))

        # An empty volume takes over owner and mode of the image's directory; one below another
        # is mounted in it; where there is no directory, one is made; read-only means it.
        lines = _ready(engine)
        assert f"/data {OWNER} {MODE:o} below " in lines
        assert "/data/below 0 755 " in lines
        assert "/srv/new 0 755 " in lines
        assert not any(line.startswith("wrote where nothing") for line in lines)

        # Every card has its address; the way out and the names are those of the first.
        until(lambda: "the service is connected" in engine.logs("pet"))
        said = " ".join(engine.logs("pet"))
        assert "inet 10.99.1.5/24 brd 10.99.1.255 scope global eth0" in said
        assert "inet 10.99.2.5/24 brd 10.99.2.255 scope global eth1" in said
        assert said.count("default via") == 1
        assert "default via 10.99.1.1 dev eth0" in said
        assert "search shop.internal nameserver 10.99.1.1 the" in said

        _leave_half_a_copy(tmp_path)
        _snapshot(volumes, "running")
        (copied,) = tmp_path.rglob("snapshots/data/running/content")
        assert copied.stat().st_blocks * 512 < SIZE_BYTES // 2  # zeros take no room
        assert volumes.verify("data", "running").files == 1
        _kill(engine)

    # What was written is there after a power cut.
    engine.start(wanted)
    assert f"/data {OWNER} {MODE:o} below starts " in _ready(engine)
    engine.stop("pet", grace_seconds=10)

    # What was taken from under the machine, journal and all, is what it goes on with.
    volumes.restore("data", "running")
    volumes.restore("below", volumes.snapshot("below", "stopped").name)
    engine.start(wanted)
    assert f"/data {OWNER} {MODE:o} below starts " in _ready(engine)


def _leave_half_a_copy(state_directory: Path) -> None:
    """What remains in QEMU of a snapshot whose program was killed."""
    record = Directories(state_directory).read("pet")
    assert record is not None
    target = state_directory / "half"
    target.write_bytes(bytes(SIZE_BYTES))
    job = f"herdbook-backup-{volume_node(1)}"
    file = {"driver": "file", "filename": str(target)}
    backup = {"job-id": job, "device": volume_node(1), "target": job, "sync": "full", "speed": 1}
    commands: list[monitor.Command] = [
        ("blockdev-add", {"driver": "raw", "node-name": job, "file": file}),
        ("blockdev-backup", {**backup, "auto-dismiss": False}),
    ]
    monitor.execute(record.monitor, commands)


def _snapshot(volumes: Volumes, name: str) -> str:
    return volumes.snapshot("data", name).name


def test_a_volume_that_cannot_be_mounted_fails_the_machine_before_its_service(
    engine: QemuEngine, wanted: Wanted
) -> None:
    disk = replace(wanted.volumes[1], target="/link/data")  # /link leads to /run
    engine.start(replace(wanted, volumes=(disk,)))
    until(lambda: seen_of(engine, "pet").state is State.FAILED)
    reason = "herdbook: cannot start: no volume can be mounted at /link/data"
    assert seen_of(engine, "pet").reason == reason
    assert not any("the service" in line for line in engine.logs("pet"))


def test_a_damaged_volume_starts_no_machine_and_is_left_as_it_is(
    engine: QemuEngine, wanted: Wanted
) -> None:
    path = wanted.volumes[0].path
    path.write_bytes(bytes(SIZE_BYTES))
    with pytest.raises(EngineError, match="damaged"):
        engine.start(wanted)
    assert engine.observe() == []
    assert not any(path.read_bytes())


def test_an_absent_volume_or_card_starts_no_machine(engine: QemuEngine, wanted: Wanted) -> None:
    absent = VolumeDisk(wanted.volumes[0].path.with_name("ghost"), "/data")
    with pytest.raises(NotFoundError):
        engine.start(replace(wanted, volumes=(absent,)))
    with pytest.raises(NotFoundError, match="no-such-tap"):
        engine.start(replace(wanted, plugs=Plugs(taps=(Tap("no-such-tap", "02:48:00:00:00:01"),))))
    assert engine.observe() == []
