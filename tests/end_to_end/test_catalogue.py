"""Images of one catalogue share layers and roots, and what was built stays as it was built."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from product import PROGRAM, Herdbook, herdbook_with, layers_of
from tiny import installing, leftovers, traces, until

RECIPES = {
    "base": "packages: [netbase, openssl]\n",
    "files": "packages: [netbase, openssl, file]\n",
    "time": "packages: [tzdata, openssl]\n",
}
EXTENDING = "packages: [netbase, openssl, file, less]\n"


@dataclass(frozen=True)
class Built:
    """A catalogue of small images, and what building it said."""

    herdbook: Herdbook
    folder: Path
    said: dict[str, Any]

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue.yaml"

    def version(self, image: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.herdbook.json("show", f"c/{image}")
        return shown

    def layers(self, image: str) -> dict[str, str]:
        return layers_of(self.version(image), "container")


def write(folder: Path, name: str, more: str, base: str = "debian:bookworm") -> Path:
    recipe = folder / "images" / f"{name}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    recipe.write_text(f"image: c/{name}\nfrom: {base}\nvariants: [container]\n{more}")
    return recipe


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build three images as one catalogue."""
    folder = tmp_path_factory.mktemp("catalogue")
    for name, more in RECIPES.items():
        write(folder, name, more)
    (folder / "catalogue.yaml").write_text("recipes: [images/*.yaml]\n")
    herdbook = Herdbook(tmp_path_factory.mktemp("state"))
    return Built(herdbook, folder, herdbook.json("build", folder / "catalogue.yaml"))


def copied(built: Built, folder: Path) -> Built:
    """The same catalogue, as far as version control has it, and a state with packages only."""
    shutil.copytree(built.folder, folder / "catalogue")
    herdbook = herdbook_with(built.herdbook.state / "archive", folder / "state")
    return Built(herdbook, folder / "catalogue", {})


def test_a_whole_catalogue_is_built_at_once(built: Built) -> None:
    assert {each["image"] for each in built.said["built"]} == {"c/base", "c/files", "c/time"}
    assert built.said["failed"] == []


def test_what_images_have_in_common_is_one_layer(built: Built) -> None:
    base, files, other = (built.layers(name) for name in RECIPES)
    own = ("bytecode", "config", "database")
    assert set(base.values()) - {base[title] for title in own if title in base} <= set(
        files.values()
    )
    shared = set(base.values()) & set(other.values())
    assert {base["openssl"], base["glibc"]} <= shared


def test_no_image_has_more_layers_than_it_may(built: Built) -> None:
    assert all(len(built.layers(name)) <= 24 for name in RECIPES)


def test_a_set_that_extends_another_is_installed_on_its_root(built: Built) -> None:
    roots = list((built.herdbook.state / "roots").iterdir())
    assert len(roots) == 4  # what all hold, and what each adds
    whole = [root for root in roots if (root / "usr/bin/dpkg").exists()]
    assert len(whole) == 1
    (magic,) = [root for root in roots if (root / "usr/bin/file").exists()]
    assert not (magic / "usr/share/doc/netbase").exists()


def test_an_image_built_alone_is_the_one_built_with_the_catalogue(
    built: Built, tmp_path: Path
) -> None:
    alone = copied(built, tmp_path)
    digest = alone.herdbook.json("build", "--locked", alone.folder / "images/files.yaml")["digest"]
    assert digest == built.version("files")["digest"]


def test_a_later_image_changes_none_that_was_there(built: Built, tmp_path: Path) -> None:
    grown = Built(built.herdbook, tmp_path, {})
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    before = json.loads((tmp_path / "layers.lock").read_text())["suites"]["bookworm"]
    write(tmp_path, "more", EXTENDING)
    said = grown.herdbook.json("build", grown.catalogue)
    assert [each["image"] for each in said["built"] if not each["unchanged"]] == ["c/more"]
    after = json.loads((tmp_path / "layers.lock").read_text())["suites"]["bookworm"]
    assert after["layers"][: len(before["layers"])] == before["layers"]
    assert after["roots"][: len(before["roots"])] == before["roots"]
    assert after["roots"][-1] == {"on": before_index(before, {"file"}), "adds": ["less"]}


def before_index(plan: dict[str, Any], adds: set[str]) -> int:
    """Return the number of the root that adds these packages and what they need."""
    (found,) = [n for n, root in enumerate(plan["roots"]) if adds <= set(root["adds"])]
    return found


def test_one_recipe_that_fails_does_not_stop_the_others(built: Built, tmp_path: Path) -> None:
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    write(tmp_path, "broken", 'packages: [netbase]\nrun: ["echo it is broken; exit 3"]\n')
    write(tmp_path, "well", "packages: [netbase]\nrun: [echo fine > /etc/well]\n")
    result = built.herdbook.run("build", tmp_path / "catalogue.yaml")
    assert result.returncode == 9, result.stderr
    assert "it is broken" in result.stderr
    assert "images/broken.yaml" in result.stderr
    assert "c/well:1 built" in result.stdout
    assert "Traceback" not in result.stderr


def test_the_plan_is_shown_and_says_what_is_hot(built: Built) -> None:
    shown = built.herdbook.json("layers", "plan", built.catalogue, "--dry-run")["suites"]
    layers = {layer["name"]: layer for layer in shown["bookworm"]["layers"]}
    assert layers["openssl"]["kind"] == "hot"
    assert layers["openssl"]["updates_a_year"] > 1
    assert len(layers["openssl"]["members"]) == len(RECIPES)
    sizes = [shown["bookworm"][f"{kind}_bytes"] for kind in ("distinct", "stored", "separate")]
    assert sizes == sorted(sizes)
    text = built.herdbook.must("layers", "plan", built.catalogue, "--dry-run")
    assert "saved" in text


def test_the_catalogue_file_overrides_the_history(built: Built, tmp_path: Path) -> None:
    shutil.copytree(built.folder / "images", tmp_path / "images")
    (tmp_path / "catalogue.yaml").write_text(
        "recipes: [images/*.yaml]\nlayers: {hot: [tar], cold: [openssl]}\n"
    )
    shown = built.herdbook.json("layers", "plan", tmp_path / "catalogue.yaml")["suites"]
    layers = {layer["name"]: layer for layer in shown["bookworm"]["layers"]}
    assert layers["tar"]["kind"] == "wished"
    assert "openssl" not in layers


def test_with_locked_a_plan_that_lacks_a_recipe_is_not_extended(
    built: Built, tmp_path: Path
) -> None:
    shutil.copytree(built.folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "layers.lock").unlink()
    result = built.herdbook.run("build", "--locked", tmp_path / "images/base.yaml")
    assert result.returncode == 3
    assert "layer plan" in result.stderr
    assert not (tmp_path / "layers.lock").exists()


def test_an_interrupted_catalogue_ends_at_once_and_leaves_nothing(
    built: Built, tmp_path: Path
) -> None:
    one = copied(built, tmp_path)
    with subprocess.Popen(
        [PROGRAM, "build", one.catalogue],
        env=one.herdbook.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        until(lambda: installing(one.herdbook.state), program)
        program.terminate()
        before = time.monotonic()
        _, said = program.communicate(timeout=60)
    assert time.monotonic() - before < 10
    assert program.returncode == 130
    assert "Interrupted" in said
    assert traces(one.herdbook.state) == []
    assert leftovers(one.herdbook.state) == []
    one.herdbook.must("build", one.catalogue)
    assert one.version("files")["digest"] == built.version("files")["digest"]
