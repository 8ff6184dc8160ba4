"""The files that make a machine of a container's tree are complete and say what was asked."""

import re
import shutil
from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.machine import MachineFile, Service, machine_files, service_unit
from herdbook.drivers import process
from herdbook.layers.tree import Kind

SERVICE = Service(("/usr/bin/python3", "/srv/app.py"), {"PORT": "8000"}, "www-data", "/srv")


def by_path(service: Service = SERVICE) -> dict[str, MachineFile]:
    return {file.path: file for file in machine_files(service)}


def test_the_unit_runs_the_command_as_the_user_with_its_environment() -> None:
    lines = service_unit(SERVICE).splitlines()
    assert 'ExecStart=:"/usr/bin/python3" "/srv/app.py"' in lines
    assert 'Environment="PORT=8000"' in lines
    assert "User=www-data" in lines
    assert "WorkingDirectory=/srv" in lines


def test_settings_made_at_run_time_win_over_those_of_the_image() -> None:
    lines = service_unit(SERVICE).splitlines()
    settings = [line for line in lines if line.startswith("Environment")]
    assert settings[-1] == "EnvironmentFile=-/run/herdbook/herdbook.environment"


def test_a_machine_starts_our_target() -> None:
    link = by_path()["etc/systemd/system/default.target"]
    assert (link.kind, link.target) == (Kind.SYMLINK, "/usr/lib/systemd/system/herdbook.target")


def test_every_unit_the_target_wants_is_there() -> None:
    files = by_path()
    target = files["usr/lib/systemd/system/herdbook.target"].content.decode()
    wanted = next(line for line in target.splitlines() if line.startswith("Wants="))
    for name in wanted.removeprefix("Wants=").split():
        unit = re.sub("@.+[.]", "@.", name)  # a template
        assert f"usr/lib/systemd/system/{unit}" in files


def test_every_program_of_ours_that_a_unit_names_is_there_and_executable() -> None:
    files = by_path()
    for file in files.values():
        for word in file.content.decode().split():
            path = word.removeprefix("ExecStart=").removeprefix("/")
            if path.startswith("usr/lib/herdbook/") and path in files:
                assert files[path].mode == 0o755
    assert "usr/lib/herdbook/acpi/PWRF/00000080" in files


def test_the_machine_id_is_empty_because_uninitialized_costs_a_first_boot() -> None:
    assert by_path()["etc/machine-id"].content == b""


def test_the_service_and_all_that_runs_beside_it_stop_when_the_machine_does() -> None:
    for name in ("service", "network@", "power"):
        unit = by_path()[f"usr/lib/systemd/system/herdbook-{name}.service"].content.decode()
        assert "Conflicts=shutdown.target\n" in unit
        assert "Before=shutdown.target\n" in unit


def test_a_group_is_said_only_where_it_is_not_the_users_own() -> None:
    assert "Group=" not in service_unit(SERVICE)
    assert "\nUser=1000\nGroup=7\n" in service_unit(Service(("/b",), user="1000", group="7"))


@pytest.mark.parametrize("user", ["", "a b", "root\n", "%u", "a:b"])
def test_a_user_that_systemd_would_read_differently_is_refused(user: str) -> None:
    with pytest.raises(InvalidInputError):
        service_unit(Service(("/bin/true",), user=user))


def test_paths_are_sorted_relative_and_unique() -> None:
    paths = [file.path for file in machine_files(SERVICE)]
    assert paths == sorted(set(paths))
    assert not any(path.startswith("/") for path in paths)


@pytest.mark.skipif(shutil.which("dash") is None, reason="dash checks the scripts' syntax")
def test_every_script_is_a_valid_shell_script(tmp_path: Path) -> None:
    scripts = [file for file in machine_files(SERVICE) if file.content.startswith(b"#!")]
    assert len(scripts) == 4
    for number, file in enumerate(scripts):
        path = tmp_path / str(number)
        path.write_bytes(file.content)
        assert process.run(["dash", "-n", path]).succeeded, file.path
