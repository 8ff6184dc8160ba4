"""What an existing image says of its process and its system is understood."""

import json
from typing import Any

import pytest
from trees import file, link, tree

from herdbook.builds.base_process import base_process
from herdbook.builds.base_system import no_packages_because, suite_of
from herdbook.core.errors import InvalidInputError
from herdbook.images.base_config import read_config
from herdbook.images.documents import (
    HEALTH_LABEL,
    PORTS_LABEL,
    SERVICE_PATH,
    Process,
    container_config,
    process_of,
)
from herdbook.packages.suites import SUITES

PEOPLE = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:44::/:/bin/false\n"
GROUP = "root:x:0:\nstaff:x:50:web\n"
ROOT = tree(
    link("bin", "usr/bin"),
    file("usr/bin/cat", mode=0o755),
    file("usr/bin/notes"),
    file("srv/go", mode=0o755),
)


def config(**process: Any) -> bytes:
    return json.dumps(
        {"config": process, "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
    ).encode()


def process(**given: Any) -> Process:
    return base_process(read_config(config(**given)), ROOT, PEOPLE, GROUP)


def test_an_image_that_says_nothing_runs_nothing() -> None:
    assert process() == Process(environment={"PATH": SERVICE_PATH})


def test_null_is_nothing() -> None:
    nothing = dict.fromkeys(("Env", "Entrypoint", "Cmd", "User", "ExposedPorts", "Labels"))
    assert process(**nothing) == process()


def test_all_that_a_process_needs_is_taken_over() -> None:
    assert process(
        Entrypoint=["cat"],
        Cmd=["-n", "x"],
        Env=["PATH=/bin", "A=b=c", "EMPTY"],
        WorkingDir="/srv",
        User="web:staff",
        ExposedPorts={"8080/tcp": {}, "80": {}, "53/udp": {}},
    ) == Process(
        command=("/bin/cat", "-n", "x"),
        environment={"PATH": "/bin", "A": "b=c", "EMPTY": ""},
        ports=(80, 8080),
        user_id=33,
        group_id=50,
        directory="/srv",
    )


@pytest.mark.parametrize(
    ("user", "numbers"),
    [
        ("", (0, 0)),
        ("root", (0, 0)),
        ("web", (33, 44)),
        ("33", (33, 44)),
        ("1000", (1000, 0)),
        ("1000:7", (1000, 7)),
        ("web:0", (33, 0)),
    ],
)
def test_users_and_groups_become_numbers(user: str, numbers: tuple[int, int]) -> None:
    found = process(User=user)
    assert (found.user_id, found.group_id) == numbers


@pytest.mark.parametrize("user", ["nobody", "web:nobody", "broken"])
def test_users_that_are_not_there_are_named(user: str) -> None:
    with pytest.raises(InvalidInputError, match=user.rpartition(":")[2]):
        process(User=user)


@pytest.mark.parametrize(
    ("command", "directory", "full"),
    [
        ("cat", "/", "/usr/bin/cat"),
        ("/bin/cat", "/", "/bin/cat"),
        ("./go", "/srv", "/srv/go"),
        ("notes", "/", "notes"),
        ("unknown", "/", "unknown"),
    ],
)
def test_the_program_is_found_as_a_runtime_finds_it(
    command: str, directory: str, full: str
) -> None:
    assert process(Cmd=[command], WorkingDir=directory).command == (full,)


def test_our_own_images_run_as_they_did() -> None:
    from datetime import UTC, datetime

    own = Process(
        command=("/usr/bin/cat",),
        environment={"PATH": "/bin"},
        ports=(9090, 80),
        user_id=33,
        group_id=44,
        health_path="/ok",
    )
    document = container_config(own, [], datetime.now(UTC), "t/x")
    assert base_process(read_config(document.content), ROOT, PEOPLE, GROUP) == own
    assert process_of(document) == own


def test_what_is_not_taken_over_is_told() -> None:
    health = {"Test": ["CMD", "true"]}
    found = read_config(
        config(ExposedPorts={"53/udp": {}}, Healthcheck=health, StopSignal="SIGQUIT")
    )
    assert [note.split(":")[0] for note in found.notes] == [
        "Its port 53/udp is not taken over",
        "Its health check is a command and is not taken over",
        "It wants to be stopped by SIGQUIT; it will get SIGTERM",
    ]
    quiet = config(Healthcheck={"Test": ["NONE"]}, StopSignal="SIGTERM", Volumes={"/data": {}})
    assert read_config(quiet).notes == ()


def test_labels_but_ours_say_nothing() -> None:
    labels = {HEALTH_LABEL: "/up", PORTS_LABEL: "81,80,x,99", "maintainer": "y"}
    found = read_config(config(Labels=labels, ExposedPorts={"80/tcp": {}, "81/tcp": {}}))
    assert (found.health_path, found.ports) == ("/up", (81, 80))


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"no",
        config(Env="A=b"),
        config(Cmd="sh -c x"),
        b'{"rootfs": {"type": "layers", "diff_ids": ["md5:1"]}}',
    ],
)
def test_what_is_no_configuration_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        read_config(content)


DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME="bookworm"\n'
STATUS = "Package: dpkg\nStatus: install ok installed\nVersion: 1\n"
SYSTEM = tree(file("usr/bin/dpkg"), file("var/lib/dpkg/status"))


def test_a_known_debian_is_recognised_and_can_be_installed_on() -> None:
    assert suite_of(DEBIAN) == SUITES["bookworm"]
    assert no_packages_because(SYSTEM, DEBIAN, STATUS) == ""


@pytest.mark.parametrize(
    "text", ["", "ID=debian\n", DEBIAN.replace("ID=debian", "ID=ubuntu"), "ID='\n"]
)
def test_other_systems_are_none_we_know(text: str) -> None:
    assert suite_of(text) is None


@pytest.mark.parametrize(
    ("paths", "os_release", "status", "said"),
    [
        (["etc/x"], "", "", "no packages of Debian"),
        (["var/lib/dpkg/status.d/libc6"], DEBIAN, "", "status.d only"),
        (["var/lib/dpkg/status"], DEBIAN, STATUS, "no dpkg"),
        (["usr/bin/dpkg"], "ID=x\nPRETTY_NAME='Some OS'\n", STATUS, "it is Some OS"),
    ],
)
def test_why_nothing_can_be_installed_is_said(
    paths: list[str], os_release: str, status: str, said: str
) -> None:
    root = tree(*(file(path) for path in paths))
    assert said in no_packages_because(root, os_release, status)
