"""What the QEMU driver promises beyond the port: its disks, its firmware, its leftovers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_benches import QemuBench
from engine_machine import write_bootable_disk
from engine_support import free_port, http_get, seen_of, until, usable, wanted

from herdbook.core.errors import EngineError, NotFoundError
from herdbook.drivers import process
from herdbook.drivers.line_files import last_lines
from herdbook.drivers.process_identity import is_alive
from herdbook.drivers.qemu.acceleration import TCG, trial_command
from herdbook.drivers.qemu.boot_sector import EXIT_STATUS, boot_disk
from herdbook.drivers.qemu.kept_logs import KEPT_BYTES, LIMIT_BYTES
from herdbook.fleet.instances import MachineArtefact, State

pytestmark = pytest.mark.qemu


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[QemuBench]:
    cache = request.config.cache
    assert cache is not None
    made = QemuBench(tmp_path_factory.mktemp("qemu"), cache.mkdir("engine-kernel"))
    with usable(made.engine()):
        yield made


def test_tiny_guest_that_kvm_is_tried_with_runs_where_it_must(tmp_path: Path) -> None:
    disk = tmp_path / "disk, tiny.raw"
    disk.write_bytes(boot_disk())
    result = process.run(trial_command(disk, TCG), limit_seconds=30)
    assert (result.status, result.errors) == (EXIT_STATUS, "")


def test_machine_has_its_root_and_its_own_writable_disk(bench: QemuBench) -> None:
    engine, port = bench.engine(), free_port()
    engine.start(wanted(bench, "disks", ports=(port,), writable_bytes=64 << 20))
    disk = bench.state_directory / "instances" / "disks" / "writable.ext4"
    assert disk.stat().st_size == 64 << 20
    assert disk.stat().st_blocks * 512 < 16 << 20  # sparse
    until(lambda: http_get(port, "/environment"))
    assert http_get(port, "/disks") == "herdbook-rootherdbook-rw"
    engine.stop("disks", grace_seconds=0)
    assert not disk.parent.exists()


def test_firmware_boots_a_whole_disk_that_stays_as_it_was(bench: QemuBench, tmp_path: Path) -> None:
    assert isinstance(bench.artefact, MachineArtefact)
    disk = write_bootable_disk(tmp_path, bench.artefact)
    before = disk.read_bytes()
    engine, port = bench.engine(), free_port()
    artefact = replace(bench.artefact, disk=disk)
    engine.start(wanted(bench, "whole", artefact=artefact, ports=(port,)))
    until(lambda: http_get(port, "/environment"))
    assert http_get(port, "/disks") == "herdbook-disk"
    engine.stop("whole", grace_seconds=5)
    assert disk.read_bytes() == before


def test_kernel_panic_is_seen_as_a_failure(bench: QemuBench) -> None:
    engine = bench.engine()
    engine.start(wanted(bench, "panicking", environment={"ENDS_WITH": "99"}))
    until(lambda: seen_of(bench.engine(), "panicking").state is not State.RUNNING)
    seen = seen_of(bench.engine(), "panicking")
    assert seen.state is State.FAILED
    assert seen.reason.startswith("Kernel panic - not syncing: Attempted to kill init!")
    engine.stop("panicking")


def test_machine_that_powers_itself_off_is_seen_stopped(bench: QemuBench) -> None:
    engine = bench.engine()
    engine.start(wanted(bench, "finished", environment={"ENDS_WITH": "0"}))
    until(lambda: seen_of(bench.engine(), "finished").state is not State.RUNNING)
    seen = seen_of(bench.engine(), "finished")
    assert (seen.state, seen.reason) == (State.STOPPED, "")
    engine.stop("finished")


def test_failed_machine_that_wrote_nothing_shows_its_console(bench: QemuBench) -> None:
    """Without an initrd's /init the kernel panics before any service."""
    engine = bench.engine()
    engine.start(wanted(bench, "speechless", artefact=bench.artefact_without_init))
    until(lambda: seen_of(bench.engine(), "speechless").state is State.FAILED)
    assert any("Kernel panic" in line for line in engine.logs("speechless"))
    engine.stop("speechless")


def test_half_made_machine_blocks_nothing(bench: QemuBench) -> None:
    """Killed between making the directory and writing what was wanted: nothing was started."""
    half_made = bench.state_directory / "instances" / "half"
    half_made.mkdir(parents=True)
    (half_made / "writable.ext4").write_bytes(b"half")
    engine = bench.engine()
    assert "half" not in [seen.name for seen in engine.observe()]
    engine.start(wanted(bench, "half"))
    assert seen_of(bench.engine(), "half").state is State.RUNNING
    engine.stop("half", grace_seconds=0)


def test_a_machine_that_is_stopped_is_started_again_at_once(bench: QemuBench) -> None:
    """Whatever the one before had is free: its name, its port, its disk."""
    engine, port = bench.engine(), free_port()
    for number in range(10):
        engine.start(wanted(bench, "again", ports=(port,), writable_bytes=64 << 20))
        seen = seen_of(bench.engine(), "again")
        assert (seen.state, seen.reason) == (State.RUNNING, ""), number
        assert seen.process is not None
        engine.stop("again", grace_seconds=0)
        assert not is_alive(seen.process)


def test_missing_part_is_not_found_and_leaves_nothing(bench: QemuBench) -> None:
    assert isinstance(bench.artefact, MachineArtefact)
    artefact = replace(bench.artefact, initrd=Path("/nonexistent"))
    with pytest.raises(NotFoundError) as caught:
        bench.engine().start(wanted(bench, "partial", artefact=artefact))
    assert caught.value.where == "/nonexistent"
    assert not (bench.state_directory / "instances" / "partial").exists()


def test_disk_that_is_too_small_for_a_file_system_is_an_error(bench: QemuBench) -> None:
    with pytest.raises(EngineError, match="mkfs"):
        bench.engine().start(wanted(bench, "small", writable_bytes=512))


def test_a_large_secret_arrives_whole(bench: QemuBench) -> None:
    secret = "0123456789" * 20_000
    engine, port = bench.engine(), free_port()
    engine.start(wanted(bench, "large", ports=(port,), secrets={"token": secret.encode()}))
    until(lambda: bench.read(port, "/credentials/token"))
    assert bench.read(port, "/credentials/token") == secret
    engine.stop("large")


def test_a_machine_that_writes_much_does_not_fill_the_disk(bench: QemuBench) -> None:
    engine, port = bench.engine(), free_port()
    engine.start(wanted(bench, "talkative", ports=(port,)))
    log = bench.state_directory / "instances" / "talkative" / "service.log"
    with log.open("ab") as stream:
        stream.write(b"much was said\n" * (LIMIT_BYTES // 14 + 1))
    until(lambda: http_get(port, "/environment"))
    until(lambda: last_lines(log, 1) == ["the service is ready"])
    seen_of(engine, "talkative")
    assert KEPT_BYTES <= log.stat().st_blocks * 512 <= KEPT_BYTES + (1 << 20)
    lines = list(engine.logs("talkative"))
    assert lines[0] == "much was said"
    assert lines[-1] == "the service is ready"
    engine.stop("talkative", grace_seconds=0)
