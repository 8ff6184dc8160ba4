"""A requirements file names packages, and nothing in it can run or lead elsewhere."""

import pytest

from herdbook.builds.requirements import checked_requirements
from herdbook.core.errors import InvalidInputError


def test_names_versions_extras_and_markers_are_taken() -> None:
    text = (
        '# the shop\nbottle >= 0.13, <0.14  # web\n\nuvicorn[standard]\nx; python_version > "3"\n'
    )
    expected = 'bottle<0.14,>=0.13\nuvicorn[standard]\nx; python_version > "3"\n'
    assert checked_requirements(text, "requirements.txt") == expected


def test_hashes_may_stand_there_on_lines_of_their_own() -> None:
    text = "bottle==0.13.4 \\\n    --hash=sha256:00ff \\\n    --hash=sha256:11ee\n"
    assert checked_requirements(text, "requirements.txt") == "bottle==0.13.4\n"


@pytest.mark.parametrize(
    "line",
    [
        "-e ./package",
        "--editable=./package",
        "-r base.txt",
        "-c constraints.txt",
        "--index-url https://example.invalid/simple",
        "--no-binary=:all:",
        "./package",
        "package @ file:///tmp/package",
        "git+https://example.invalid/package",
        "https://example.invalid/package.whl",
        "bottle --config-settings=a=b",
        "bottle --hash=sha256:00 --no-binary=bottle",
    ],
)
def test_whatever_else_installers_take_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_requirements(f"waitress\n{line}\n", "requirements.txt")
    assert caught.value.where == "requirements.txt:2"
