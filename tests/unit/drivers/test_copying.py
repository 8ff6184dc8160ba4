"""What `cp` says of a directory in use is told apart: what is gone, and what is wrong."""

import pytest

from herdbook.drivers.copying import faults_of


@pytest.mark.parametrize(
    "said",
    [
        "cp: cannot stat '/volume/a': No such file or directory",
        "cp: cannot open '/volume/a' for reading: No such file or directory",
        "cp: cannot access '/volume/a': No such file or directory",
        "cp: cannot read symbolic link '/volume/a': No such file or directory",
        "cp: '/volume/a': No such file or directory",
        """cp: cannot stat '/volume/it'"'"'s'$'\\n''one': No such file or directory""",
    ],
)
def test_a_file_that_was_gone_when_its_turn_came_is_no_fault(said: str) -> None:
    assert faults_of(f"{said}\n{said}\n") == []


@pytest.mark.parametrize(
    "said",
    [
        "cp: cannot create regular file '/copy/a': No such file or directory",
        "cp: error reading '/volume/a': Input/output error",
        "cp: error writing '/copy/a': No space left on device",
        "cp: cannot open '/volume/a' for reading: Permission denied",
        "cp: cannot stat '/volume/: No such file or directory': Input/output error",
        "cp: skipping file '/volume/a', as it was replaced while being copied",
        "mount: /volume: unknown filesystem type 'x'.",
    ],
)
def test_whatever_else_it_complains_of_is_one(said: str) -> None:
    gone = "cp: cannot stat '/volume/a': No such file or directory"
    assert faults_of(f"{gone}\n{said}\n") == [said]
