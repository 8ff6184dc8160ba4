"""A bundle holds all that an image is made from, and nothing of this machine, and gives it back."""

import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from locked import package

from herdbook.actions.find_homes import inputs_with
from herdbook.actions.inputs import inputs_of
from herdbook.builds.bundle_unpacking import unpack
from herdbook.builds.bundles import bundle_of, lock_in, recipe_in
from herdbook.builds.keys import files_key
from herdbook.builds.lock import ArrangedLayer, ArrangedVariant, Lock, LockedParent, read_lock
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import collect
from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.recipes.reading import RecipeFile, read_recipe

RECIPE = """\
image: shop/web
from: debian:bookworm
packages: [python3]
python: {requirements: pins/requirements.txt}
files:
  - {from: app/, to: /srv/web}
  - {from: ./one file, to: /etc/one}
run: [{ansible: .plays/main.yaml}]
"""
LAYERS = (ArrangedLayer(name="packages", packages=("base-files",)),)


def arranged(
    layers: tuple[ArrangedLayer, ...] = LAYERS,
    steps: tuple[tuple[str, ...], ...] = (("base-files",),),
) -> dict[str, ArrangedVariant]:
    return {"container": ArrangedVariant(layers=layers, steps=steps)}


LOCK = Lock(inputs=EMPTY, suite="bookworm", packages=(package("base-files"),))


@pytest.fixture
def recipe(tmp_path: Path) -> RecipeFile:
    folder = tmp_path / "recipe"
    named = ("app/deep/file", "one file", "pins/requirements.txt", ".plays/main.yaml", "other")
    for path in named:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{path}\n")
    (folder / "app" / "start").write_text("#!/bin/sh\n")
    (folder / "app" / "start").chmod(0o755)
    (folder / "app" / "link").symlink_to("deep/file")
    (folder / "beside").symlink_to("app/deep")
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


@pytest.mark.parametrize("name", ["beside", "beside/file", "./beside/"])
def test_files_behind_a_link_are_refused_with_their_line(recipe: RecipeFile, name: str) -> None:
    recipe.path.write_text(RECIPE.replace("./one file", name))
    with pytest.raises(InvalidInputError, match="through a link") as caught:
        bundle_of(read_recipe(recipe.path), LOCK)
    assert caught.value.where == f"{recipe.path}:7"


def test_a_recipe_of_a_matrix_is_one_of_its_own(recipe: RecipeFile, tmp_path: Path) -> None:
    made = RecipeFile(recipe.folder / "catalogue.yaml", recipe.recipe, {}, values={"os": "x"})
    back = recipe_in(unpacked(written(made), tmp_path))
    assert (back.recipe, back.path.name) == (recipe.recipe, "shop-web.yaml")


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, 0o777
    return made


def tar_of(*members: tarfile.TarInfo) -> bytes:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for each in members:
            tar.addfile(each)
    return target.getvalue()


SPARSE = member("sparse")
SPARSE.pax_headers = {"GNU.sparse.size": str(1 << 42), "GNU.sparse.map": "0,0"}


@pytest.mark.parametrize(
    "members",
    [
        [member("../outside")],
        [member("/outside")],
        [member("a/../../outside")],
        [member("link", tarfile.SYMTYPE, ".."), member("link/outside")],
        [member("link", tarfile.SYMTYPE, "../outside")],
        [member("link", tarfile.SYMTYPE, "/outside")],
        [member("deep/link", tarfile.SYMTYPE, "x/../../../outside")],
        [member("one"), member("one")],
        [member("one"), member("one/outside")],
        [member("one", tarfile.LNKTYPE, "none")],
        [member("one"), member("two", tarfile.LNKTYPE, "one")],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("device", tarfile.CHRTYPE)],
        [SPARSE],
    ],
    ids=lambda members: "-".join(each.name for each in members).replace("/", "|"),
)
def test_what_leads_outside_or_is_no_plain_file_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for each in members:
            tar.addfile(each)
    with pytest.raises(VerificationError, match="That is no bundle of sources"):
        unpacked(target.getvalue(), folder)
    assert {each.name for each in tmp_path.iterdir()} == {"in"}


def test_links_that_stay_inside_are_as_they_were_written(tmp_path: Path) -> None:
    links = {"a": "./b", "deep/c": "../a", "deep/d": "gone/"}
    content = tar_of(*(member(name, tarfile.SYMTYPE, link) for name, link in links.items()))
    folder = unpacked(content, tmp_path)
    assert {name: os.readlink(folder / name) for name in links} == links  # noqa: PTH115 - raw


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"suite": "trixie"}, "another suite"),
        ({"parent": LockedParent(image="dev/evil", number=1, digest=EMPTY)}, "another image"),
        ({"arranged": {}}, "nothing is arranged"),
        ({"arranged": arranged(layers=())}, "installed, and in no layer"),
        ({"arranged": arranged(steps=())}, "in a layer, and not installed"),
    ],
)
def test_a_lock_that_is_not_its_recipes_is_not_taken(
    tmp_path: Path, change: dict[str, object], why: str
) -> None:
    """Else packages could be hidden from the bill of materials, or others read the recipe."""
    path = tmp_path / "web.yaml"
    path.write_text("image: shop/web\nfrom: debian:bookworm\nvariants: [container]\n")
    recipe = read_recipe(path)
    lock = LOCK.model_copy(update={"inputs": inputs_of(recipe), "arranged": arranged()})
    assert inputs_with(recipe, lock)
    assert inputs_with(recipe, lock.model_copy(update=change)) is None, why


@pytest.mark.parametrize("content", [b"", b"no tar", b"\0" * 1024])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(VerificationError):
        recipe_in(unpacked(content, tmp_path))
    with pytest.raises(VerificationError):
        lock_in(tmp_path)
