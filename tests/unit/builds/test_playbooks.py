"""What is played is exactly what was read, and what Ansible complains about is made short."""

import json
from pathlib import Path

import pytest

from herdbook.builds import playbooks
from herdbook.builds.playbooks import Playbook, read_playbooks
from herdbook.builds.ports import IMAGE_FOLDER
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.recipes.reading import RecipeFile, read_recipe

RECIPE = """image: t/web
from: debian:bookworm
run:
  - echo first
  - ansible: provision/site.yml
    variables: {port: 8080}
    secrets: [token]
"""

FAILED = """
PLAY [Set up] ***************************************************

TASK [Gathering Facts] ******************************************
ok: [image]

TASK [web : Place the page] *************************************
[ERROR]: Task failed: Module failed: Destination directory /srv/nowhere does not exist
Origin: /run/herdbook/playbook/roles/web/tasks/main.yml:3:3

1 - name: before
  ^ column 3

fatal: [image]: FAILED! =>
    changed: false
    delta: '0:00:00.006523'
    msg: Destination directory /srv/nowhere does not exist
    stdout: '***'
    stdout_lines: <omitted>

PLAY RECAP ******************************************************
image                      : ok=1    changed=0    failed=1
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> RecipeFile:
    (tmp_path / "provision/templates").mkdir(parents=True)
    (tmp_path / "provision/site.yml").write_text("- hosts: all\n")
    (tmp_path / "provision/templates/page.j2").write_text("page")
    path = tmp_path / "web.yaml"
    path.write_text(RECIPE)
    return read_recipe(path)


def identity(recipe_file: RecipeFile) -> str:
    return json.dumps(read_playbooks(read_recipe(recipe_file.path))[1].identity())


def test_playbooks_are_known_by_their_step(recipe_file: RecipeFile) -> None:
    found = read_playbooks(recipe_file)
    assert list(found) == [1]
    assert [source.target for source in found[1].sources] == [
        "site.yml",
        "templates",
        "templates/page.j2",
    ]


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("provision/templates/page.j2", "page", "another page"),
        ("web.yaml", "8080", "8081"),
        ("web.yaml", "[token]", "[other]"),
        ("web.yaml", "provision/site.yml", "provision/../provision/other.yml"),
    ],
)
def test_whatever_is_played_otherwise_has_another_identity(
    recipe_file: RecipeFile, file: str, before: str, after: str
) -> None:
    (recipe_file.folder / "provision/other.yml").write_text("- hosts: all\n")
    known = identity(recipe_file)
    path = recipe_file.folder / file
    path.write_text(path.read_text().replace(before, after))
    assert identity(recipe_file) != known


def test_when_it_was_copied_and_by_whom_makes_no_difference(recipe_file: RecipeFile) -> None:
    known = identity(recipe_file)
    (recipe_file.folder / "provision/site.yml").chmod(0o600)
    assert identity(recipe_file) == known


def test_recipe_and_lock_in_the_same_folder_are_no_part_of_it(tmp_path: Path) -> None:
    """Else each lock would make the playbook another one."""
    path = tmp_path / "web.yaml"
    path.write_text(RECIPE.replace("provision/", ""))
    (tmp_path / "site.yml").write_text("- hosts: all\n")
    for name in ("web.lock", "layers.lock"):
        (tmp_path / name).write_text("{}")
    found = read_playbooks(read_recipe(path))[1]
    assert [source.target for source in found.sources] == ["site.yml"]


def test_a_playbook_that_is_not_there_is_told_with_its_line(recipe_file: RecipeFile) -> None:
    (recipe_file.folder / "provision/site.yml").unlink()
    with pytest.raises(NotFoundError, match=r"provision/site\.yml") as caught:
        read_playbooks(recipe_file)
    assert caught.value.where == f"{recipe_file.path}:5"


@pytest.mark.parametrize("link", ["/etc/passwd", "../web.yaml"])
def test_a_link_out_of_the_folder_is_refused(recipe_file: RecipeFile, link: str) -> None:
    (recipe_file.folder / "provision/link").symlink_to(link)
    with pytest.raises(InvalidInputError, match="outside"):
        read_playbooks(recipe_file)


def test_a_folder_outside_of_the_recipe_is_refused(recipe_file: RecipeFile) -> None:
    recipe = recipe_file.folder / "deeper/web.yaml"
    recipe.parent.mkdir()
    recipe.write_text(RECIPE.replace("provision/", "../provision/"))
    with pytest.raises(InvalidInputError, match="leads out"):
        read_playbooks(read_recipe(recipe))


def test_what_is_laid_out_has_modes_by_the_rules(recipe_file: RecipeFile, tmp_path: Path) -> None:
    provision = recipe_file.folder / "provision"
    (provision / "site.yml").chmod(0o600)
    (provision / "run.sh").write_text("#!/bin/sh\n")
    (provision / "run.sh").chmod(0o700)
    (provision / "link").symlink_to("run.sh")
    target = tmp_path / "target"
    target.mkdir()
    playbooks.lay_out(read_playbooks(recipe_file)[1], target)
    assert (target / "site.yml").stat().st_mode & 0o777 == 0o644
    assert (target / "link").readlink() == Path("run.sh")
    assert (target / "link").stat().st_mode & 0o777 == 0o755
    assert (target / "templates/page.j2").read_text() == "page"


def test_a_file_that_changes_meanwhile_stops_the_build(
    recipe_file: RecipeFile, tmp_path: Path
) -> None:
    found = read_playbooks(recipe_file)[1]
    (recipe_file.folder / "provision/templates/page.j2").write_text("changed")
    (tmp_path / "target").mkdir()
    with pytest.raises(VerificationError, match=r"page\.j2 changed"):
        playbooks.lay_out(found, tmp_path / "target")


def test_variables_reach_ansible_as_they_are_written(recipe_file: RecipeFile) -> None:
    step = read_playbooks(recipe_file)[1].step
    assert json.loads(playbooks.parts(step)["variables.json"]) == {"port": "8080"}


def test_the_connection_changes_into_the_root_that_the_sandbox_shows(
    recipe_file: RecipeFile,
) -> None:
    """The plugin cannot import the constant: it runs where there is no Herdbook."""
    plugin = playbooks.parts(read_playbooks(recipe_file)[1].step)["herdbook.py"].decode()
    assert f'IMAGE_FOLDER = "{IMAGE_FOLDER}"' in plugin


def test_a_complaint_is_the_task_its_place_and_its_result() -> None:
    assert playbooks.complaint(FAILED).splitlines() == [
        "TASK [web : Place the page]",
        "Origin: roles/web/tasks/main.yml:3:3",
        "fatal: [image]: FAILED! =>",
        "    msg: Destination directory /srv/nowhere does not exist",
        "    stdout: '***'",
    ]


def test_what_is_no_failed_task_is_shown_whole() -> None:
    said = "[ERROR]: couldn't resolve module/action 'comand'.\nOrigin: site.yml:2:11\n"
    assert playbooks.complaint(said) == said.strip()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("/bin/sh: 1: /usr/bin/python3: not found", "python3"),
        ("[ERROR]: Could not match supplied host pattern, ignoring: web", "hosts: all"),
        ('Failed to find required executable "useradd" in paths', "package"),
        ("anything else", "without network"),
    ],
)
def test_the_advice_fits_the_failure(said: str, advice: str) -> None:
    assert advice in playbooks.advice(said)


def test_secrets_count_by_name_alone(recipe_file: RecipeFile) -> None:
    """A secret that is renewed must not make the image another one."""
    found: Playbook = read_playbooks(recipe_file)[1]
    assert found.step.secrets == ("token",)
    assert json.dumps(found.identity()).count("token") == 1
