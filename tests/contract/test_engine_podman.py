"""What the Podman driver promises beyond the port: few privileges, one import, no traces."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from engine_benches import PodmanBench
from engine_container import USER_ID, write_container
from engine_support import (
    free_port,
    http_get,
    seen_of,
    start_elsewhere_and_be_killed,
    until,
    usable,
    wanted,
)

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.drivers import process
from herdbook.drivers.podman import PodmanEngine
from herdbook.drivers.podman.labels import SCOPE_LABEL
from herdbook.drivers.podman.sightings import Sightings
from herdbook.drivers.podman.trial import Trial
from herdbook.drivers.runtime_directory import runtime_directory
from herdbook.fleet.instances import ContainerArtefact, PublishedPort, State

pytestmark = [pytest.mark.podman, pytest.mark.root]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodmanBench]:
    made = PodmanBench(tmp_path_factory.mktemp("podman"))
    with usable(made.engine()):
        yield made


@pytest.fixture(scope="module")
def port(bench: PodmanBench) -> PublishedPort:
    port = free_port()
    bench.engine().start(
        wanted(bench, "running", ports=(port,), secrets={"token": b"open sesame"}, user_id=USER_ID)
    )
    until(lambda: http_get(port, "/status"))
    return port


def test_service_with_its_own_user_has_no_privileges(port: PublishedPort) -> None:
    status = dict(line.split(":\t", 1) for line in http_get(port, "/status").splitlines())
    no_capabilities = "0" * 16
    assert [status[name] for name in ("CapEff", "CapPrm", "CapBnd")] == [no_capabilities] * 3
    assert status["NoNewPrivs"] == "1"


def test_secrets_belong_to_the_service_and_nobody_else_reads_them(port: PublishedPort) -> None:
    (listed,) = [line for line in http_get(port, "/listing").splitlines() if "token" in line]
    assert listed.split()[:4] == ["-r--------", "1", str(USER_ID), str(USER_ID)]


@pytest.mark.usefixtures("port")
def test_environment_file_is_gone_once_the_container_runs() -> None:
    (directory,) = runtime_directory().rglob("*-running")
    assert [path.name for path in directory.rglob("*") if "secrets" not in str(path)]
    assert not list(directory.rglob("environment"))


@pytest.mark.usefixtures("port")
def test_secrets_are_gone_from_memory_after_stop(bench: PodmanBench) -> None:
    engine = bench.engine()
    engine.start(wanted(bench, "forgotten", secrets={"token": b"open sesame"}))
    assert list(runtime_directory().rglob("*-forgotten"))
    engine.stop("forgotten", grace_seconds=0)
    assert list(runtime_directory().rglob("*-forgotten")) == []


@pytest.mark.usefixtures("port")
def test_image_is_imported_once_under_the_digest_of_its_manifest(bench: PodmanBench) -> None:
    assert isinstance(bench.artefact, ContainerArtefact)
    tag = digests.hexadecimal(bench.artefact.manifest)
    exists = process.run(["podman", "image", "exists", f"localhost/herdbook/web:{tag}"])
    assert exists.succeeded
    listed = process.run(["podman", "images", "--format={{.Repository}}"]).output
    assert "localhost/herdbook/import-" not in listed
    # The layout is not needed a second time.
    elsewhere = replace(bench.artefact, layout=Path("/nonexistent"))
    engine = bench.engine()
    engine.start(wanted(bench, "again", artefact=elsewhere))
    engine.stop("again", grace_seconds=0)


def test_manifest_that_is_not_what_its_digest_says_is_refused(
    bench: PodmanBench, tmp_path: Path
) -> None:
    artefact = write_container(tmp_path / "layout", "/bin/forged")
    blob = tmp_path / "layout" / "blobs" / "sha256" / digests.hexadecimal(artefact.manifest)
    blob.write_bytes(blob.read_bytes() + b"\n")
    with pytest.raises(VerificationError):
        bench.engine().start(wanted(bench, "forged", artefact=artefact))
    assert "forged" not in [seen.name for seen in bench.engine().observe()]


def test_manifest_that_is_not_in_the_layout_is_not_found(
    bench: PodmanBench, tmp_path: Path
) -> None:
    write_container(tmp_path / "layout")
    absent = ContainerArtefact(tmp_path / "layout", digests.of_bytes(b"absent"))
    with pytest.raises(NotFoundError):
        bench.engine().start(wanted(bench, "absent", artefact=absent))


def test_value_of_several_lines_is_refused(bench: PodmanBench) -> None:
    with pytest.raises(InvalidInputError, match="CERTIFICATE"):
        bench.engine().start(wanted(bench, "lines", environment={"CERTIFICATE": "a\nb"}))


def half_started(directory: Path, port: PublishedPort, name: str) -> dict[str, str]:
    """Leave what a kill between making a container and starting it leaves; return its labels."""
    listed = process.run(["podman", "ps", "--filter=name=-running$", "--format=json"]).output
    (container,) = (one for one in json.loads(listed) if str(port.host_port) in repr(one))
    labels = {**container["Labels"], "io.herdbook.name": name}
    full_name = container["Names"][0].replace("-running", f"-{name}")
    worked = Trial(directory / "podman.json").flags()
    flags = [*worked.of_run, *(f"--label={key}={value}" for key, value in labels.items())]
    podman = ["podman", *worked.of_podman]
    created = process.run([*podman, "create", f"--name={full_name}", *flags, container["Image"]])
    assert created.succeeded, created.errors
    return labels | {"container": full_name}


def test_container_whose_start_was_cut_off_is_seen_failed_and_can_be_stopped(
    bench: PodmanBench, port: PublishedPort, tmp_path: Path
) -> None:
    half_started(tmp_path, port, "half")
    engine = bench.engine()
    seen = seen_of(engine, "half")
    assert (seen.state, seen.origin.image) == (State.FAILED, "web")
    assert "cut off" in seen.reason
    engine.stop("half")
    assert "half" not in [one.name for one in engine.observe()]


def test_container_that_starts_just_as_it_is_looked_at_has_not_failed(
    bench: PodmanBench, port: PublishedPort, tmp_path: Path
) -> None:
    """Listed before its start was over, and asked after: whoever started it is done."""
    made = half_started(tmp_path, port, "late")

    def start_meanwhile(name: str) -> bool:
        if name == "late":
            assert process.run(["podman", "start", made["container"]]).succeeded
        return False

    sightings = Sightings(made[SCOPE_LABEL], start_meanwhile, lambda _: False)
    assert "late" not in [one.name for one in sightings.all()]
    (seen,) = [one for one in sightings.all() if one.name == "late"]
    assert seen.state is not State.FAILED
    bench.engine().stop("late")


def _processes_of(name: str) -> str:
    return process.run(["pgrep", "--full", f"conmon.* -n herdbook-[0-9a-f]+-{name} "]).output


@pytest.mark.parametrize("milliseconds", [0, 5, 10, 20, 30, 40])
def test_nothing_is_left_of_a_start_that_was_killed(bench: PodmanBench, milliseconds: int) -> None:
    """Podman, killed with it, may not know what it has made: its first process waits for ever."""
    name = f"killed{milliseconds}"

    def begun() -> bool:
        if not _processes_of(name):
            return False
        time.sleep(milliseconds / 1000)
        return True

    one = wanted(bench, name)
    start_elsewhere_and_be_killed(PodmanEngine, bench.state_directory, one, begun)
    bench.engine().stop(name, grace_seconds=0)
    until(lambda: not _processes_of(name))
