"""What a catalogue's plan reads of recipes is what a build would read."""

from pathlib import Path

from herdbook.actions.plan_builds import RecipeReader
from herdbook.builds.keys import files_key
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import collect
from herdbook.recipes.reading import read_recipe

RECIPE = """\
image: t/played
from: debian:bookworm
files: [{from: motd, to: /etc/motd}]
run: ["true", {ansible: play.yaml, variables: {name: one}}]
"""


def test_files_and_playbooks_are_named_as_a_build_names_them(tmp_path: Path) -> None:
    for name, text in (("recipe.yaml", RECIPE), ("motd", "hi"), ("play.yaml", "[]")):
        (tmp_path / name).write_text(text)
    recipe_file = read_recipe(tmp_path / "recipe.yaml")
    reader = RecipeReader()
    found = reader.files(recipe_file)
    assert found == files_key(collect(recipe_file), read_playbooks(recipe_file).values())
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("one", "two"))
    assert reader.files(read_recipe(tmp_path / "recipe.yaml")) != found


def test_a_recipe_without_a_lock_has_a_place_for_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("image: t/a\nfrom: debian:bookworm\n")
    assert RecipeReader().lock(read_recipe(path)) == (tmp_path / "recipe.lock", None)
