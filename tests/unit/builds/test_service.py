"""A service is started by a program that is in the image, in a folder that is there."""

from pathlib import Path
from typing import Any

import pytest
from trees import file, folder, further_name, link, tree

from herdbook.builds.accounts import Account
from herdbook.builds.service import process
from herdbook.core.errors import InvalidInputError
from herdbook.images.documents import SERVICE_PATH, Process
from herdbook.layers.tree import Entry
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile

PYTHON = file("usr/bin/python3.11", mode=0o755)
ROOT = tree(
    PYTHON,
    link("usr/bin/python3", "python3.11"),
    link("bin", "usr/bin"),
    further_name(PYTHON, "usr/bin/python4"),
    file("usr/bin/notes", mode=0o644),
    file("opt/venv/bin/web", mode=0o755),
    link("usr/bin/dangling", "absent"),
    folder("srv/web"),
    link("var/web", "/srv/web"),
)
WEB = Account("web", 10_000, 10_001)


def started(
    root: dict[str, Entry] = ROOT,
    *,
    python: bool = False,
    below: Process | None = None,
    **service: Any,
) -> Process:
    wish: dict[str, Any] = {"image": "web", "from": "debian:bookworm"}
    if service:
        wish["service"] = {"command": ["python3"], **service}
    if python:
        wish |= {"packages": ["python3"], "python": {"requirements": "r.txt"}}
    place = ("service", "command", 0)
    lines = {(): 1, place: 7, ("service", "directory"): 9}
    recipe_file = RecipeFile(Path("herdbook.yaml"), Recipe.model_validate(wish), lines)
    return process(recipe_file, root, WEB, below or Process())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("python3", "/usr/bin/python3"),
        ("python4", "/usr/bin/python4"),
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        ("/bin/python3", "/bin/python3"),
    ],
)
def test_programs_are_found_as_a_shell_finds_them(name: str, found: str) -> None:
    assert started(command=[name, "-m", "web"]).command == (found, "-m", "web")


def test_the_environment_of_python_comes_first_on_the_path() -> None:
    with pytest.raises(InvalidInputError):
        started(command=["web"])
    assert started(python=True, command=["web"]).command == ("/opt/venv/bin/web",)
    assert started(python=True, command=["web"]).environment["PATH"].startswith("/opt/venv/bin:")


def test_a_path_of_the_recipe_is_searched() -> None:
    assert started(command=["web"], env={"PATH": "/opt/venv/bin"}).command == ("/opt/venv/bin/web",)


@pytest.mark.parametrize("name", ["absent", "notes", "dangling", "/usr/bin/absent", "/srv/web"])
def test_a_program_that_is_not_there_is_told_with_its_line(name: str) -> None:
    with pytest.raises(InvalidInputError, match="no program") as caught:
        started(command=[name])
    assert caught.value.where == "herdbook.yaml:7"
    assert caught.value.hint


def test_a_misspelt_program_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError) as caught:
        started(command=["pyton3"])
    assert "python" in caught.value.hint


@pytest.mark.parametrize("directory", ["/", "/srv/web", "/var/web", "/srv"])
def test_a_service_starts_in_a_folder_of_the_image(directory: str) -> None:
    assert started(directory=directory).directory == directory


@pytest.mark.parametrize("directory", ["/absent", "/usr/bin/python3.11", "/srv/web/deeper"])
def test_a_folder_that_is_not_there_is_told_with_its_line(directory: str) -> None:
    with pytest.raises(InvalidInputError, match="no folder") as caught:
        started(directory=directory)
    assert caught.value.where == "herdbook.yaml:9"


def test_all_that_a_recipe_says_is_passed_on() -> None:
    found = started(env={"A": "b"}, ports=[80], health={"http": "/ok"})
    assert (found.user_id, found.group_id) == (10_000, 10_001)
    assert (found.ports, found.health_path) == ((80,), "/ok")
    assert found.environment == {"PATH": SERVICE_PATH, "A": "b"}


def test_without_a_service_there_is_only_a_path() -> None:
    alone = Process(environment={"PATH": SERVICE_PATH}, user_id=10_000, group_id=10_001)
    assert started() == alone


BELOW = Process(
    command=("/usr/bin/python3", "-m", "base"),
    environment={"PATH": "/opt/base/bin:/usr/bin", "GREETING": "hello", "COLOUR": "red"},
    ports=(9000,),
    directory="/srv",
    health_path="/well",
)


def test_without_a_service_the_one_below_runs_as_the_account() -> None:
    found = started(below=BELOW)
    assert found.command == BELOW.command
    assert (found.ports, found.directory, found.health_path) == ((9000,), "/srv", "/well")
    assert (found.user_id, found.group_id) == (WEB.user_id, WEB.group_id)
    assert found.environment == BELOW.environment


def test_a_service_replaces_the_one_below_and_inherits_its_environment() -> None:
    found = started(below=BELOW, python=True, env={"COLOUR": "blue"})
    assert found.command == ("/usr/bin/python3",)
    assert found.ports == ()
    assert found.environment == {
        "PATH": "/opt/venv/bin:/opt/base/bin:/usr/bin",
        "GREETING": "hello",
        "COLOUR": "blue",
    }
