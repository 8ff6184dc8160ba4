"""Promises about what people get wrong: said where and how to mend it, and nothing comes of it."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook
from tiny import RECIPE, Tiny, assert_clear, leftovers, traces, until

pytestmark = [pytest.mark.root, pytest.mark.archive]

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def refused(tiny: Tiny, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Build a recipe, on roots that are there already, and see that nothing comes of it."""

    def build(more: str, status: int, *words: str, image: str = "t/wrong") -> str:
        recipe = tiny.recipe_in(tmp_path, more, image)
        result = tiny.herdbook.run("build", recipe)
        assert_clear(result, status, *words)
        return result.stderr

    yield build
    assert [image["image"] for image in tiny.images() if image["image"] == "t/wrong"] == []
    assert leftovers(tiny.state) == []


def line_of(text: str, more: str = "") -> str:
    """Where a text is in the recipe: `file:line`, as failures say it."""
    lines = (RECIPE + more).splitlines()
    return f"tiny.yaml:{1 + next(n for n, line in enumerate(lines) if text in line)}"


# --- recipes


def test_unknown_package_is_named_with_its_line_and_the_nearest_name(
    refused: Callable[..., str],
) -> None:
    more = "packages:\n  - ca-certificates\n  - pyhton3\n"
    refused(more, 11, "'pyhton3'", line_of("pyhton3", more), "python3")


def test_packages_in_conflict_are_explained(refused: Callable[..., str]) -> None:
    more = "packages: [exim4-daemon-light, postfix]\n"
    refused(more, 11, line_of("postfix", more), "Conflicts")


def test_unknown_suite_is_named_with_its_line_and_the_nearest_name(
    tiny: Tiny, tmp_path: Path
) -> None:
    recipe = tiny.recipe_in(tmp_path)
    recipe.write_text(RECIPE.replace("bookworm", "bookwurm"))
    result = tiny.herdbook.run("build", recipe)
    assert_clear(result, 3, "'bookwurm'", line_of("from:"), "'bookworm'")


def test_missing_file_is_named_with_its_line(refused: Callable[..., str]) -> None:
    more = "files:\n  - {from: absent, to: /srv}\n"
    refused(more, 4, "'absent'", line_of("absent", more))


def test_missing_recipe_says_how_to_make_one(tiny: Tiny, tmp_path: Path) -> None:
    result = tiny.herdbook.run("build", tmp_path / "absent.yaml")
    assert_clear(result, 4, "absent.yaml", "herdbook init")


def test_missing_requirements_are_named_with_their_line(refused: Callable[..., str]) -> None:
    more = "packages: [python3]\npython:\n  requirements: absent.txt\n"
    refused(more, 4, "absent.txt", line_of("absent.txt", more))


def test_service_whose_program_is_not_in_the_image_is_named_with_its_line(
    refused: Callable[..., str],
) -> None:
    more = "service:\n  command: [slep, infinity]\n"
    refused(more, 3, "'slep'", line_of("slep", more), "'sleep'")


def test_failure_as_json_is_one_document(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny.recipe_in(tmp_path, "packges: []\n")
    result = tiny.herdbook.run("build", recipe, "--json")
    assert result.returncode == 3
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "invalid-input"
    assert error["where"] == f"{recipe}:4"
    assert "packages" in error["hint"]


# --- commands


def test_command_that_fails_is_shown_with_its_line_and_last_words(
    refused: Callable[..., str],
) -> None:
    more = "run:\n  - 'true'\n  - 'for n in $(seq 50); do echo word $n; done; exit 3'\n"
    said = refused(more, 9, "status 3", line_of("exit 3", more), "word 50", "without network")
    assert "word 10\n" not in said


def test_command_that_does_not_exist_is_shown_with_its_line(refused: Callable[..., str]) -> None:
    more = "run:\n  - [/usr/bin/absent, --now]\n"
    refused(more, 9, line_of("absent", more), "/usr/bin/absent")


def test_command_has_no_network(refused: Callable[..., str]) -> None:
    """Neither the world nor this machine answers a command, where a service listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for address in ("192.0.2.1:80", f"127.0.0.1:{listening.getsockname()[1]}"):
            more = "run:\n  - - perl\n    - -MIO::Socket::INET\n    - -e\n"
            more += f"    - IO::Socket::INET->new('{address}') or die 'no way out'\n"
            refused(more, 9, "no way out", line_of("- perl", more))


def test_command_is_over_when_it_ends_and_leaves_nothing_on_this_machine(
    tiny: Tiny, tmp_path: Path
) -> None:
    """No process, mount, file, device or name of it is left, here or where it must not be kept."""
    mark = f"mark-{os.getpid()}"
    more = f"""run:
  - 'setsid sleep 4321{os.getpid()} </dev/null >/dev/null 2>&1 &'
  - 'for place in /tmp /run /dev/shm /var/tmp /root; do echo > $place/{mark}; done'
  - 'hostname {mark} || true; mount -t tmpfs {mark} /mnt || true'
  - 'mknod /dev/{mark} c 1 3 || true; echo 1 > /proc/sys/vm/drop_caches || true'
  - 'chown 12345:54321 /root/{mark}; chmod 4755 /root/{mark}'
"""
    before = Path("/proc/mounts").read_text()
    recipe = tiny.recipe_in(tmp_path, more, "t/marks")
    built = tiny.herdbook.json("build", recipe)
    assert Path("/proc/mounts").read_text() == before
    assert f"4321{os.getpid()}" not in _commands()
    for place in ("/tmp", "/run", "/dev", "/dev/shm", "/var/tmp", "/root", "/mnt"):
        assert not (Path(place) / mark).exists()
    assert os.uname().nodename != mark
    (layers,) = [variant["layers"] for variant in built["variants"]]
    (ran,) = [layer["digest"] for layer in layers if layer["title"] == "run"]
    blob = tiny.state / "blobs/sha256" / ran.partition(":")[2]
    listing = subprocess.run(
        ["tar", "-tvf", blob, "--numeric-owner"], check=True, capture_output=True, text=True
    ).stdout
    kept = [line.split() for line in listing.splitlines() if mark in line]
    assert [(line[0], line[1], line[-1]) for line in kept] == [
        ("-rwsr-xr-x", "12345/54321", f"root/{mark}"),
        ("-rw-r--r--", "0/0", f"var/tmp/{mark}"),
    ]


def _commands() -> str:
    return subprocess.run(["ps", "axo", "args"], check=True, capture_output=True, text=True).stdout


# --- locks


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"\xff\xfe", b'{"lock_format": 2}', b"<<<<<<< HEAD\n"]
)
def test_lock_that_is_garbage_says_to_make_it_again(
    tiny: Tiny, tmp_path: Path, garbage: bytes
) -> None:
    recipe = tiny.recipe_in(tmp_path)
    recipe.with_suffix(".lock").write_bytes(garbage)
    assert_clear(tiny.herdbook.run("build", recipe), 3, "tiny.lock", "herdbook lock")


def _another_digest(package: dict[str, Any]) -> None:
    package["sha256"] = "sha256:" + "0" * 64


def _another_version(package: dict[str, Any]) -> None:
    package["version"] = "99"


def _another_name(package: dict[str, Any]) -> None:
    package["name"] = "edited"


@pytest.mark.parametrize(
    ("edit", "status"), [(_another_digest, 5), (_another_version, 5), (_another_name, 5)]
)
def test_lock_that_was_edited_by_hand_is_found_out(
    tiny: Tiny, tmp_path: Path, edit: Callable[[dict[str, Any]], None], status: int
) -> None:
    recipe = tiny.recipe_in(tmp_path)
    lock = recipe.with_suffix(".lock")
    content = json.loads(lock.read_text())
    (package,) = [each for each in content["packages"] if each["name"] == "hostname"]
    edit(package)
    lock.write_text(json.dumps(content))
    assert_clear(tiny.herdbook.run("build", recipe), status, package["name"])


@pytest.mark.parametrize("lost", ["", "base-passwd"])
def test_lock_that_lost_packages_is_found_out(tiny: Tiny, tmp_path: Path, lost: str) -> None:
    recipe = tiny.recipe_in(tmp_path)
    lock = recipe.with_suffix(".lock")
    content = json.loads(lock.read_text())
    kept = [each for each in content["packages"] if lost and each["name"] != lost]
    lock.write_text(json.dumps({**content, "packages": kept}))
    assert_clear(tiny.herdbook.run("build", recipe), 3, lost or "tiny.lock", "herdbook lock")


def test_locked_build_refuses_a_lock_made_for_other_packages(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny.recipe_in(tmp_path, "packages: [tree]\n")
    before = recipe.with_suffix(".lock").read_bytes()
    result = tiny.herdbook.run("build", recipe, "--locked")
    assert_clear(result, 3, "out of date", f"herdbook lock {recipe}")
    assert recipe.with_suffix(".lock").read_bytes() == before


def test_locked_build_refuses_to_make_a_lock(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny.recipe_in(tmp_path)
    recipe.with_suffix(".lock").unlink()
    result = tiny.herdbook.run("build", recipe, "--locked")
    assert_clear(result, 3, "no tiny.lock yet", f"herdbook lock {recipe}")
    assert not recipe.with_suffix(".lock").exists()


# --- the state directory and privileges


def test_state_on_a_read_only_file_system_is_said(tiny: Tiny, tmp_path: Path) -> None:
    state = tmp_path / "read-only"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", state], check=True)
    try:
        result = Herdbook(state).run("build", tiny.recipe_in(tmp_path))
    finally:
        subprocess.run(["umount", state], check=True)
    assert_clear(result, 3, str(state), "HERDBOOK_STATE")


def test_state_that_is_a_file_is_said(tiny: Tiny, tmp_path: Path) -> None:
    state = tmp_path / "file"
    state.write_text("not a folder")
    result = Herdbook(state).run("build", tiny.recipe_in(tmp_path))
    assert_clear(result, 3, str(state), "HERDBOOK_STATE")
    assert state.read_text() == "not a folder"


@pytest.mark.parametrize("garbage", [b"garbage " * 1000, b"SQLite format 3\0" + bytes(100)])
def test_database_that_is_garbage_is_said_and_left_alone(
    tiny: Tiny, tmp_path: Path, garbage: bytes
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    database = state / "herdbook.db"
    database.write_bytes(garbage)
    result = Herdbook(state).run("build", tiny.recipe_in(tmp_path))
    assert_clear(result, 3, str(database))
    assert database.read_bytes() == garbage


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach."""
    folder = Path("/tmp") / f"herdbook-test-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_build_without_root_says_so_before_any_work(tiny: Tiny, open_folder: Path) -> None:
    state = open_folder / "state"
    state.mkdir()
    for path in (state, open_folder):
        os.chown(path, 65534, 65534)
    recipe = tiny.recipe_in(open_folder)
    result = Herdbook(state, NOBODY).run("build", recipe)
    assert_clear(result, 6, "root privileges", "sudo")
    assert not (state / "archive/debs").exists()
    assert not (state / "roots").exists()


def test_state_of_another_user_is_said(tiny: Tiny, open_folder: Path) -> None:
    state = open_folder / "state"
    Herdbook(state).must("images")
    recipe = tiny.recipe_in(open_folder)
    for command in (("build", recipe), ("lock", recipe), ("images",)):
        result = Herdbook(state, NOBODY).run(*command)
        assert_clear(result, 6, str(state), "another user", "sudo")


def test_a_refused_build_leaves_no_process(tiny: Tiny) -> None:
    until(lambda: not traces(tiny.state))


def test_what_was_built_is_still_there_after_all_of_this(tiny: Tiny) -> None:
    assert replace(tiny).built()["unchanged"]
