"""The parts of the Podman driver that need no Podman."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import (
    ConflictError,
    EngineError,
    MissingToolError,
    NoSpaceError,
    NotFoundError,
)
from herdbook.drivers.podman.command import as_error
from herdbook.drivers.podman.images import StoredImage
from herdbook.drivers.podman.labels import from_labels, to_labels
from herdbook.drivers.podman.run_command import Run, arguments, environment_of
from herdbook.drivers.podman.service_log import joined_lines
from herdbook.drivers.podman.tiny_program import tiny_program
from herdbook.drivers.podman.trial import Flags
from herdbook.drivers.process import Result
from herdbook.fleet.instances import ContainerArtefact, Origin, PublishedPort, State, Wanted

WANTED = Wanted(
    "web",
    Origin("shop/web", 3, of_bytes(b"web")),
    ContainerArtefact(Path("layout"), of_bytes(b"manifest")),
    ports=(PublishedPort(80, 8080), PublishedPort(443, 8443, "::1")),
    environment={"PASSWORD_FILE": "/run/credentials/herdbook/token"},
    secrets={"token": b"open sesame"},
    health_path="/healthy",
)
STARTED_AT = datetime(2026, 11, 21, 4, 31, tzinfo=UTC)


def _arguments(*, root: bool, found: tuple[str, ...] = ()) -> list[str]:
    image = StoredImage("localhost/herdbook/web:1", root)
    labels = to_labels(WANTED, "scope", STARTED_AT)
    return arguments(Run("c", WANTED, image, labels, Path("/e"), ["--volume=s"], Flags(found)))


def test_labels_give_back_the_instance_and_hold_no_secret() -> None:
    labels = to_labels(WANTED, "scope", STARTED_AT)
    seen = from_labels(labels, "podman", State.RUNNING, "")
    assert (seen.name, seen.origin, seen.ports) == (WANTED.name, WANTED.origin, WANTED.ports)
    assert (seen.started_at, seen.health_path) == (STARTED_AT, "/healthy")
    assert "open sesame" not in repr(labels)
    assert "PASSWORD_FILE" not in repr(labels)


def test_command_line_publishes_ports_and_shows_no_value() -> None:
    line = _arguments(root=False)
    assert "--publish=127.0.0.1:8080:80" in line
    assert "--publish=[::1]:8443:443" in line
    assert "open sesame" not in " ".join(line)
    assert "PASSWORD_FILE" not in " ".join(line)
    assert line[-1] == "localhost/herdbook/web:1"


def test_only_a_service_that_starts_as_root_is_given_capabilities() -> None:
    assert "--cap-drop=all" in _arguments(root=True)
    assert any(part.startswith("--cap-add=") for part in _arguments(root=True))
    assert not any(part.startswith("--cap-add=") for part in _arguments(root=False))


def test_findings_go_where_they_belong_on_the_command_line() -> None:
    line = _arguments(root=False, found=("--runtime=runc", "--ulimit=nofile=9:9", "unlimited"))
    assert line.index("--runtime=runc") < line.index("run") < line.index("--ulimit=nofile=9:9")
    assert not any(part.startswith(("--memory", "--cpus", "unlimited")) for part in line)


def test_environment_says_where_the_secrets_are() -> None:
    assert environment_of(WANTED)["CREDENTIALS_DIRECTORY"] == "/run/credentials/herdbook"


def test_log_entries_are_joined_to_lines() -> None:
    entries = [
        "2026-11-21T04:31:00.1+00:00 stdout P one ",
        "2026-11-21T04:31:00.2+00:00 stderr F a  warning",
        "2026-11-21T04:31:00.3+00:00 stdout F line",
        "2026-11-21T04:31:00.4+00:00 stdout F ",
        "2026-11-21T04:31:00.5+00:00 stdout P cut off",
    ]
    assert list(joined_lines(entries)) == ["a  warning", "one line", "", "cut off"]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Error: listen tcp4 127.0.0.1:80: bind: address already in use", ConflictError),
        ('Error: the container name "web" is already in use by abc', ConflictError),
        ('Error: no such container "herdbook-1-web"', NotFoundError),
        ("Error: writing blob: no space left on device", NoSpaceError),
        ("Error: crun: unknown version specified: OCI runtime error", EngineError),
    ],
)
def test_complaints_become_our_errors(words: str, kind: type[Exception]) -> None:
    error = as_error(Result(125, "", words + "\n"))
    assert type(error) is kind
    assert words.removeprefix("Error: ") in error.message


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_tiny_program_is_an_executable_for_its_machine(machine: str, number: int) -> None:
    program = tiny_program(machine)
    assert program[:4] == b"\x7fELF"
    assert struct.unpack_from("<HH", program, 16) == (2, number)
    (entry,) = struct.unpack_from("<Q", program, 24)
    assert entry - 0x400000 == 120
    assert len(program) < 160


def test_unknown_machine_is_said_to_be_unknown() -> None:
    with pytest.raises(MissingToolError, match="vax"):
        tiny_program("vax")
