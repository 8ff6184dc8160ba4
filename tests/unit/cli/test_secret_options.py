"""The --secret option fits the recipe, or says what does not."""

from pathlib import Path

import pytest

from herdbook.actions.asked_secrets import require_credentials, require_secrets
from herdbook.cli.secrets import given_secrets
from herdbook.core.errors import InvalidInputError
from herdbook.core.given_secrets import GivenSecret, GivenSecrets
from herdbook.recipes.reading import RecipeFile, read_recipe

RECIPE = """image: t/web
from: debian:bookworm
packages: [python3]
python:
  requirements: requirements.txt
  credentials: index
run:
  - echo no secret
  - command: cat /run/secrets/token
    secrets: [token]
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> RecipeFile:
    path = tmp_path / "web.yaml"
    path.write_text(RECIPE)
    return read_recipe(path)


def given(*names: str) -> GivenSecrets:
    return GivenSecrets({name: GivenSecret(Path(name), b"content") for name in names})


def test_secrets_are_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a=b"
    path.write_text("a token\n")
    found = given_secrets([f"token={path}"], {"token"})
    assert found.contents(["token"]) == {"token": b"a token\n"}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["token"], "is not NAME=FILE", "--secret token=FILE"),
        (["token="], "is not NAME=FILE", "--secret token=FILE"),
        (["tokn=/etc/hostname"], "No step of the recipe asks", "'token'"),
        (["token=/etc/passwd", "token=/etc/group"], "given twice", "one"),
    ],
)
def test_a_wrong_option_is_explained(options: list[str], message: str, hint: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        given_secrets(options, {"token", "index"})
    assert hint in caught.value.hint


def test_a_step_without_its_secret_is_named_by_its_line(recipe_file: RecipeFile) -> None:
    with pytest.raises(InvalidInputError, match="'token'") as caught:
        require_secrets(recipe_file, given("index"))
    assert caught.value.where == f"{recipe_file.path}:10"
    assert "--secret token=FILE" in caught.value.hint
    require_secrets(recipe_file, given("index", "token"))


def test_locking_needs_the_credentials_alone(recipe_file: RecipeFile) -> None:
    """What steps read is not known, and not wanted, where only packages are chosen."""
    require_credentials(recipe_file, given("index"))
    with pytest.raises(InvalidInputError, match="'index'") as caught:
        require_credentials(recipe_file, given("token"))
    assert caught.value.where == f"{recipe_file.path}:6"
