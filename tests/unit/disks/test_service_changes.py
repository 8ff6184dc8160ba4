"""What a machine's service does otherwise is said in settings that systemd reads as meant."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.service_changes import ServiceChanges, service_files


def settings(changes: ServiceChanges) -> list[str]:
    """The lines of the settings, without the section they are in."""
    head, *lines = service_files(changes)["herdbook.service.conf"].decode().splitlines()
    assert head == "[Service]"
    return lines


def test_without_changes_nothing_is_told() -> None:
    assert service_files(ServiceChanges()) == {}


def test_a_command_takes_the_place_of_all_that_the_image_runs() -> None:
    changes = ServiceChanges(command=("/usr/bin/work", "100 %", "$HOME"))
    assert settings(changes) == ["ExecStart=", 'ExecStart=:"/usr/bin/work" "100 %%" "$HOME"']
    assert "herdbook.arguments" not in service_files(changes)


@pytest.mark.parametrize("program", ["work", "./work", "../a/work", '/srv/"work"', "/srv/a b"])
def test_a_program_that_systemd_would_not_find_is_looked_for_by_a_shell(program: str) -> None:
    (_, line) = settings(ServiceChanges(command=(program, "x")))
    assert line.startswith(r'ExecStart=:"/bin/sh" "-c" "exec \"$0\" \"$@\"" "')
    assert line.endswith(' "x"')


def test_arguments_are_told_as_what_follows_and_as_a_command_of_their_own() -> None:
    files = service_files(ServiceChanges(arguments=("/bin/a", "b\n")))
    assert files["herdbook.arguments"].decode().splitlines() == [
        r'"/bin/a" "b\x0a"',
        r':"/bin/a" "b\x0a"',
    ]
    assert files["herdbook.service.conf"] == b"[Service]\n"


@pytest.mark.parametrize(
    ("user", "lines"),
    [
        ("www-data", ["User=www-data", "Group="]),
        ("0", ["User=0", "Group="]),
        ("007:08", ["User=7", "Group=", "Group=8"]),
        ("web:100", ["User=web", "Group=", "Group=100"]),
    ],
)
def test_a_user_brings_the_own_group_unless_one_is_said(user: str, lines: list[str]) -> None:
    assert settings(ServiceChanges(user=user)) == lines


@pytest.mark.parametrize(
    "user",
    ["a b", "%u", "a:", ":", ":a", "a:b:c", "-a", "a\n", "65535", "4294967295", "5000000000", "²"],
)
def test_a_user_that_systemd_would_read_differently_is_refused(user: str) -> None:
    with pytest.raises(InvalidInputError, match="is no user") as caught:
        service_files(ServiceChanges(user=user))
    assert caught.value.hint


def test_a_directory_is_told_as_it_is_to_be_made_and_as_systemd_reads_it() -> None:
    files = service_files(ServiceChanges(directory="/srv/100% mine"))
    assert files["herdbook.directory"] == b"/srv/100% mine\n"
    assert b"WorkingDirectory=/srv/100%% mine\n" in files["herdbook.service.conf"]


@pytest.mark.parametrize("directory", ["srv", "/srv\n", "./srv"])
def test_a_directory_that_is_not_absolute_is_refused(directory: str) -> None:
    with pytest.raises(InvalidInputError):
        service_files(ServiceChanges(directory=directory))


def test_one_process_is_asked_to_end_by_the_signal() -> None:
    assert settings(ServiceChanges(stop_signal="SIGRTMIN+3")) == ["KillSignal=37", "KillMode=mixed"]


def test_what_is_no_signal_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="not a signal"):
        service_files(ServiceChanges(stop_signal="SIGNONE"))


@pytest.mark.parametrize("command", [(), ("",), ("", "a")])
def test_nothing_to_run_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError, match="No program is left"):
        service_files(ServiceChanges(command=command))
