"""A machine is told which disk is to be mounted where, and never what it would misread."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.memory_folders import MemoryFolder
from herdbook.disks.volumes import MountPoint, mount_list, serial


def test_each_volume_has_a_line_and_what_lies_below_another_comes_after_it() -> None:
    points = [MountPoint("/data/below"), MountPoint("/data"), MountPoint("/srv", read_only=True)]
    assert mount_list(points).decode().splitlines() == [
        "herdbook-volume-1 rw /data",
        "herdbook-volume-0 rw /data/below",
        "herdbook-volume-2 ro /srv",
    ]


def test_what_is_in_memory_comes_in_its_place_too() -> None:
    folders = [MemoryFolder("/srv/cache", "size=1m"), MemoryFolder("/a", "nodev,mode=700")]
    assert mount_list(
        [MountPoint("/srv/cache/kept"), MountPoint("/srv")], folders
    ).splitlines() == [
        b"memory nodev,mode=700 /a",
        b"herdbook-volume-1 rw /srv",
        b"memory size=1m /srv/cache",
        b"herdbook-volume-0 rw /srv/cache/kept",
    ]


def test_a_serial_is_no_longer_than_virtio_lets_it_be() -> None:
    assert len(serial(999)) <= 20


@pytest.mark.parametrize(
    "target",
    ["", "/", "data", "/data/", "//data", "/a/../b", "/a/.", "/a b", "/a\n", "/a'b", "/a$b", "/ä"],
)
def test_a_target_that_is_no_plain_path_is_refused(target: str) -> None:
    with pytest.raises(InvalidInputError):
        mount_list([MountPoint(target)])


@pytest.mark.parametrize("target", ["/proc", "/sys/x", "/dev/shm", "/run/data"])
def test_what_is_made_anew_at_every_start_holds_no_volume(target: str) -> None:
    with pytest.raises(InvalidInputError):
        mount_list([MountPoint(target)])


def test_two_volumes_at_one_path_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="same path"):
        mount_list([MountPoint("/data"), MountPoint("/data", read_only=True)])
    with pytest.raises(InvalidInputError, match="same path"):
        mount_list([MountPoint("/data")], [MemoryFolder("/data", "nodev")])
