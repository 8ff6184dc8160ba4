"""A machine is told which file is to be seen where, and never what it would misread."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.disks.given_files import GivenFile, given_files


def test_each_file_has_a_line_with_its_mode_and_its_content_under_its_number() -> None:
    files = (GivenFile("/app.conf", b"a\0\xff"), GivenFile("/etc/x/b", b"", 0o440))
    assert given_files(files) == {
        "herdbook.files": b"0 444 /app.conf\n1 440 /etc/x/b\n",
        "herdbook.file.0": b"a\0\xff",
        "herdbook.file.1": b"",
    }


def test_without_files_nothing_is_told() -> None:
    assert given_files(()) == {}


@pytest.mark.parametrize(
    "target", ["", "/", "data", "/data/", "//data", "/a/../b", "/a/.", "/a b", "/a\n", "/a'b", "/ä"]
)
def test_a_target_that_is_no_plain_path_is_refused(target: str) -> None:
    with pytest.raises(InvalidInputError):
        given_files([GivenFile(target, b"")])


@pytest.mark.parametrize("target", ["/proc", "/sys/x", "/dev/shm", "/run/secrets/x"])
def test_what_is_made_anew_at_every_start_holds_no_file(target: str) -> None:
    with pytest.raises(InvalidInputError, match="made anew"):
        given_files([GivenFile(target, b"")])


def test_two_files_at_one_path_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="same path"):
        given_files([GivenFile("/a", b"1"), GivenFile("/a", b"2")])
