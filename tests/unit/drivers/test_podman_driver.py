"""The parts of the Podman driver that need no Podman."""

import resource
import struct
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from herdbook.core.digests import of_bytes
from herdbook.core.errors import (
    ConflictError,
    EngineError,
    InvalidInputError,
    MissingToolError,
    NoSpaceError,
    NotFoundError,
)
from herdbook.drivers.podman.command import as_error
from herdbook.drivers.podman.images import StoredImage
from herdbook.drivers.podman.instance_files import Attempt
from herdbook.drivers.podman.labels import from_labels, to_labels
from herdbook.drivers.podman.process_flags import process_flags
from herdbook.drivers.podman.run_command import Run, arguments, environment_of
from herdbook.drivers.podman.service_log import joined_lines
from herdbook.drivers.podman.tiny_program import tiny_program
from herdbook.drivers.podman.trial import Flags
from herdbook.drivers.process import Result
from herdbook.fleet.instances import (
    Confinement,
    ContainerArtefact,
    Mount,
    Origin,
    Plugs,
    ProcessChanges,
    PublishedPort,
    State,
    Wanted,
)

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


IMAGE = StoredImage("5eed", "1000:1000", ("/entry",), "SIGQUIT")


def _arguments(*, user: str = "1000", found: tuple[str, ...] = (), **changes: object) -> list[str]:
    wanted = replace(WANTED, **changes)  # type: ignore[arg-type]
    image = replace(IMAGE, user=user)
    labels = to_labels(wanted, "scope", STARTED_AT)
    attempt = Attempt(Path("/run/attempt"))
    return arguments(Run("c", wanted, image, labels, attempt, ["--volume=s"], Flags(found)))


def test_labels_give_back_the_instance_and_hold_no_secret() -> None:
    labels = to_labels(WANTED, "scope", STARTED_AT)
    seen = from_labels(labels)
    assert (seen.name, seen.origin, seen.ports) == (WANTED.name, WANTED.origin, WANTED.ports)
    assert (seen.started_at, seen.health_path) == (STARTED_AT, "/healthy")
    assert (seen.engine, seen.state, seen.reason) == ("podman", State.RUNNING, "")
    assert "open sesame" not in repr(labels)
    assert "PASSWORD_FILE" not in repr(labels)


def test_command_line_publishes_ports_and_shows_no_value() -> None:
    line = _arguments()
    assert "--publish=127.0.0.1:8080:80" in line
    assert "--publish=[::1]:8443:443" in line
    assert "open sesame" not in " ".join(line)
    assert "PASSWORD_FILE" not in " ".join(line)
    assert line[-1] == "5eed"


def _added(line: list[str]) -> set[str]:
    return {part.removeprefix("--cap-add=") for part in line if part.startswith("--cap-add=")}


def test_only_a_service_that_starts_as_root_is_given_capabilities() -> None:
    assert "--cap-drop=all" in _arguments(user="root")
    assert "SETUID" in _added(_arguments(user="0:0"))
    assert _added(_arguments(user="1000")) == set()


def test_user_of_ones_own_decides_on_capabilities() -> None:
    assert _added(_arguments(user="root", process=ProcessChanges(user="1000"))) == set()
    assert "SETUID" in _added(_arguments(user="1000", process=ProcessChanges(user="0")))


def test_wanted_capabilities_are_added_once() -> None:
    more = Confinement(capabilities=("NET_RAW", "CHOWN"))
    assert _added(_arguments(confinement=more)) == {"NET_RAW", "CHOWN"}
    line = _arguments(user="root", confinement=more)
    assert line.count("--cap-add=CHOWN") == 1
    assert "--security-opt=no-new-privileges" in line


@pytest.mark.parametrize(
    ("changes", "flags", "command"),
    [
        (ProcessChanges(), [], []),
        (ProcessChanges(command=("a", "b")), [], ["a", "b"]),
        (ProcessChanges(command=()), ['--entrypoint=["/entry"]'], []),
        (ProcessChanges(entrypoint=("x", "y")), ['--entrypoint=["x", "y"]'], []),
        (ProcessChanges(entrypoint=(), command=("a",)), ["--entrypoint=[]"], ["a"]),
        (
            ProcessChanges(user="7", directory="/d", stop_signal="SIGINT"),
            ["--user=7", "--workdir=/d", "--stop-signal=SIGINT"],
            [],
        ),
    ],
)
def test_process_is_changed_as_compose_says(
    changes: ProcessChanges, flags: list[str], command: list[str]
) -> None:
    assert process_flags(changes, IMAGE) == (flags, command)


def test_limits_follow_from_what_is_wanted() -> None:
    line = _arguments(cpus=0.25, confinement=Confinement(processes=0))
    assert {"--cpus=0.25", "--pids-limit=-1", f"--memory={512 << 20}b"} <= set(line)
    assert "--pids-limit=4096" in _arguments()


def test_limit_of_open_files_takes_the_place_of_another_and_is_never_above_ours() -> None:
    found = ("--ulimit=nofile=9:9", "--ulimit=nproc=9:9")
    line = _arguments(found=found, confinement=Confinement(file_limit=8))
    assert [part for part in line if "ulimit" in part] == [
        "--ulimit=nproc=9:9",
        "--ulimit=nofile=8:8",
    ]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY:
        line = _arguments(confinement=Confinement(file_limit=most + 1))
        assert f"--ulimit=nofile={most}:{most}" in line


def test_folders_in_memory_are_open_to_all_users_unless_told_otherwise() -> None:
    line = _arguments(confinement=Confinement(temporary=("/a", "/b:size=1m", "/c:mode=700")))
    assert [part for part in line if part.startswith("--tmpfs")] == [
        "--tmpfs=/a:mode=1777",
        "--tmpfs=/b:size=1m,mode=1777",
        "--tmpfs=/c:mode=700",
    ]


def test_plugged_instance_publishes_no_port_and_asks_the_given_name_server() -> None:
    plugs = Plugs(Path("/run/netns/n"), resolver="10.1.0.1", search="shop.internal")
    line = _arguments(plugs=plugs)
    network = {"--network=ns:/run/netns/n", "--dns=10.1.0.1", "--dns-search=shop.internal"}
    assert network <= set(line)
    assert not any(part.startswith("--publish") for part in line)
    labels = to_labels(replace(WANTED, plugs=plugs), "scope", STARTED_AT)
    assert from_labels(labels).ports == ()


def test_mounts_name_both_sides_and_a_comma_is_refused() -> None:
    (flag,) = [
        part
        for part in _arguments(mounts=(Mount(Path("/srv/a:b"), "/data", read_only=True),))
        if part.startswith("--mount")
    ]
    assert flag.startswith("--mount=type=bind,source=/srv/a:b,target=/data,readonly=true")
    with pytest.raises(InvalidInputError, match="comma"):
        _arguments(mounts=(Mount(Path("/srv/a,b"), "/data"),))


def test_owner_is_in_the_labels_and_nobody_for_containers_from_before_there_were_owners() -> None:
    labels = to_labels(replace(WANTED, owner="shop"), "scope", STARTED_AT)
    assert from_labels(labels).owner == "shop"
    del labels["io.herdbook.owner"]
    assert from_labels(labels).owner == ""


def test_findings_go_where_they_belong_on_the_command_line() -> None:
    line = _arguments(found=("--runtime=runc", "--ulimit=nofile=9:9", "unlimited"))
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
        ("Error: 5eed: image not known", NotFoundError),
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
