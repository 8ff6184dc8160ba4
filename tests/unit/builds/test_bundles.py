"""A bundle holds all that an image is made from, and nothing of this machine, and gives it back."""

import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from locked import package

from herdbook.builds.bundles import bundle_of, lock_in, recipe_in, unpack
from herdbook.builds.keys import files_key
from herdbook.builds.lock import Lock, read_lock
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import collect
from herdbook.core.digests import EMPTY
from herdbook.core.errors import VerificationError
from herdbook.recipes.reading import RecipeFile, read_recipe

RECIPE = """\
image: shop/web
from: debian:bookworm
packages: [python3]
python: {requirements: pins/requirements.txt}
files:
  - {from: app/, to: /srv/web}
  - {from: ./one file, to: /etc/one}
run: [{ansible: plays/main.yaml}]
"""
LOCK = Lock(inputs=EMPTY, suite="bookworm", packages=(package("base-files"),))


@pytest.fixture
def recipe(tmp_path: Path) -> RecipeFile:
    folder = tmp_path / "recipe"
    for path in ("app/deep/file", "one file", "pins/requirements.txt", "plays/main.yaml", "other"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{path}\n")
    (folder / "app" / "start").write_text("#!/bin/sh\n")
    (folder / "app" / "start").chmod(0o755)
    (folder / "app" / "link").symlink_to("deep/file")
    (folder / "web.yaml").write_text(RECIPE)
    return read_recipe(folder / "web.yaml")


def written(recipe: RecipeFile) -> bytes:
    target = BytesIO()
    bundle_of(recipe, LOCK).write(target)
    return target.getvalue()


def unpacked(content: bytes, folder: Path) -> Path:
    (folder / "bundle.tar").write_bytes(content)
    unpack(folder / "bundle.tar", folder / "unpacked")
    return folder / "unpacked"


def test_what_is_unpacked_makes_the_same_image(recipe: RecipeFile, tmp_path: Path) -> None:
    folder = unpacked(written(recipe), tmp_path)
    back = recipe_in(folder)
    assert (back.recipe, back.path.name) == (recipe.recipe, "web.yaml")
    assert lock_in(folder) == read_lock(back.path.with_suffix(".lock")) == LOCK
    for made in (recipe, back):
        assert collect(made), "there is something to compare"
    assert files_key(collect(back), read_playbooks(back).values()) == files_key(
        collect(recipe), read_playbooks(recipe).values()
    )
    assert (back.folder / "pins" / "requirements.txt").is_file()


def test_what_no_step_names_is_not_in_it(recipe: RecipeFile, tmp_path: Path) -> None:
    assert not (recipe_in(unpacked(written(recipe), tmp_path)).folder / "other").exists()


def test_the_same_content_gives_the_same_bytes_whoever_it_belongs_to_and_whenever(
    recipe: RecipeFile,
) -> None:
    before = written(recipe)
    (recipe.folder / "app" / "deep" / "file").touch()
    (recipe.folder / "one file").chmod(0o640)
    assert written(recipe) == before
    with tarfile.open(fileobj=BytesIO(before)) as tar:
        assert {(each.uid, each.gid, each.mtime, each.uname) for each in tar} == {(0, 0, 0, "")}


def test_a_changed_file_makes_another_bundle(recipe: RecipeFile) -> None:
    before = written(recipe)
    (recipe.folder / "app" / "deep" / "file").write_text("other\n")
    assert written(recipe) != before


def test_a_recipe_of_a_matrix_is_one_of_its_own(recipe: RecipeFile, tmp_path: Path) -> None:
    made = RecipeFile(recipe.folder / "catalogue.yaml", recipe.recipe, {}, values={"os": "x"})
    back = recipe_in(unpacked(written(made), tmp_path))
    assert (back.recipe, back.path.name) == (recipe.recipe, "shop-web.yaml")


@pytest.mark.parametrize("name", ["../outside", "/etc/outside"])
def test_nothing_is_unpacked_outside(tmp_path: Path, name: str) -> None:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    folder = tmp_path / "in"
    folder.mkdir()
    if name.startswith("/"):  # taken as what it would be inside
        assert (unpacked(target.getvalue(), folder) / "etc" / "outside").exists()
        return
    with pytest.raises(VerificationError):
        unpacked(target.getvalue(), folder)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("content", [b"", b"no tar", b"\0" * 1024])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(VerificationError):
        recipe_in(unpacked(content, tmp_path))
    with pytest.raises(VerificationError):
        lock_in(tmp_path)
