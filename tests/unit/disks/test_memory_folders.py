"""A machine's folders in memory are what Compose's `tmpfs` means in a container."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.memory_folders import MemoryFolder, memory_folders


@pytest.mark.parametrize(
    ("text", "target", "options"),
    [
        ("/cache", "/cache", "noexec,nosuid,nodev,mode=1777"),
        ("/cache:", "/cache", "noexec,nosuid,nodev,mode=1777"),
        ("/a:size=64m,uid=5", "/a", "noexec,nosuid,nodev,mode=1777,size=64m,uid=5"),
        ("/a:exec,mode=0700", "/a", "nosuid,nodev,exec,mode=0700"),
        ("/run/app:rw,nodev", "/run/app", "noexec,nosuid,mode=1777,rw,nodev"),
        ("/tmp:size=50%", "/tmp", "noexec,nosuid,nodev,mode=1777,size=50%"),
    ],
)
def test_what_is_not_said_is_as_in_a_container(text: str, target: str, options: str) -> None:
    assert memory_folders((text,)) == [MemoryFolder(target, options)]


def test_run_is_there_already() -> None:
    assert memory_folders(("/run", "/run:size=1m")) == []


@pytest.mark.parametrize(
    "text",
    [
        *("", ":size=1m", "/", "cache", "/a/../b", "/a b", "/dev/shm", "/proc/x", "/sys", "/dev"),
        *(
            "/a:size=1 m",
            "/a:size=",
            "/a:size=1m;x",
            "/a:ro",
            "/a:bind",
            "/a:mode=x",
            '/a:context="x"',
        ),
    ],
)
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        memory_folders((text,))
