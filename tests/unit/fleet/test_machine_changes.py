"""Compose's entrypoint and command come to the same in a machine as in a container."""

import pytest

from herdbook.disks.service_changes import ServiceChanges
from herdbook.fleet.instances import ProcessChanges
from herdbook.fleet.machine_changes import machine_changes

A, B = ("/bin/a", "1"), ("b", "2")


@pytest.mark.parametrize(
    ("entrypoint", "command", "whole", "arguments"),
    [
        (None, None, None, ()),
        (None, (), None, ()),
        (None, B, None, B),
        (A, None, A, ()),
        (A, (), A, ()),
        (A, B, (*A, *B), ()),
        ((), B, B, ()),
    ],
)
def test_an_entrypoint_clears_the_images_command_and_a_command_follows_its_entrypoint(
    entrypoint: tuple[str, ...] | None,
    command: tuple[str, ...] | None,
    whole: tuple[str, ...] | None,
    arguments: tuple[str, ...],
) -> None:
    found = machine_changes(ProcessChanges(entrypoint, command))
    assert found == ServiceChanges(whole, arguments)


def test_the_rest_is_told_as_it_is() -> None:
    found = machine_changes(ProcessChanges(user="1:2", directory="/d", stop_signal="QUIT"))
    assert found == ServiceChanges(user="1:2", directory="/d", stop_signal="QUIT")
