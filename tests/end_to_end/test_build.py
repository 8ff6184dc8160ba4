"""Promises of a build: shared layers, identical repetition, nothing done twice."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from product import Herdbook, Shop, copy_shop, herdbook_with, layers_of

pytestmark = [pytest.mark.root, pytest.mark.archive]

APPLICATION = ("python", "files", "run")
"""The layers a recipe's author makes."""
MADE = {*APPLICATION, "bytecode", "config", "database", "accounts", "machine"}
"""The layers that hold no package."""


def test_application_layers_are_byte_identical_in_container_and_machine(shop: Shop) -> None:
    container, machine = shop.layers("container"), shop.layers("vm")
    assert {title: container[title] for title in APPLICATION} == {
        title: machine[title] for title in APPLICATION
    }


def test_every_package_layer_of_the_container_is_one_of_the_machine(shop: Shop) -> None:
    layers = shop.layers("container").items()
    container = {digest for title, digest in layers if title not in MADE}
    assert len(container) > 5
    assert container <= set(shop.layers("vm").values())


def test_a_second_build_does_nothing(shop: Shop) -> None:
    before = _files(shop.herdbook.state / "blobs")
    again = shop.herdbook.json("build", shop.recipe)
    assert again["unchanged"]
    assert again["digest"] == shop.built["digest"]
    assert _files(shop.herdbook.state / "blobs") == before


def test_a_lock_builds_again_offline_elsewhere_with_another_umask_and_zone(
    shop: Shop, tmp_path: Path, kept_archive: Path
) -> None:
    """The same digests come out in another directory, umask and time zone, without a network."""
    offline = ("unshare", "--net", "sh", "-c", 'umask 0077; TZ=Pacific/Kiritimati exec "$@"', "sh")
    herdbook = herdbook_with(kept_archive, tmp_path / "other place, with: commas", *offline)
    folder = copy_shop(tmp_path / "shop")
    for name in ("herdbook.lock", "layers.lock"):
        shutil.copyfile(shop.folder / name, folder / name)
    for path in folder.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o600)
    built = herdbook.json("build", "--locked", folder / "herdbook.yaml")
    assert built["digest"] == shop.built["digest"]


def test_a_changed_file_rebuilds_only_its_layer_and_what_stands_on_it(
    shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(shop.folder, folder)
    recipe = folder / "herdbook.yaml"
    recipe.write_text(recipe.read_text().replace("shop/web", "shop/changed"))
    with (folder / "web/application.py").open("a") as file:
        file.write("# a change\n")
    changed = shop.herdbook.json("build", "--locked", recipe)
    for variant in ("container", "vm"):
        before, after = shop.layers(variant), layers_of(changed, variant)
        assert {title for title in before if before[title] != after[title]} == {"files", "run"}
    assert sum(changed["build_seconds"].values()) < 20


def test_a_missing_layer_is_made_again_to_the_same_digest(shop: Shop) -> None:
    digest = shop.layers("container")["files"].partition(":")[2]
    blob = shop.herdbook.state / "blobs/sha256" / digest
    content = blob.read_bytes()
    blob.unlink()
    again = shop.herdbook.json("build", "--locked", shop.recipe)
    assert not again["unchanged"]
    assert (again["digest"], again["number"]) == (shop.built["digest"], shop.built["number"])
    assert blob.read_bytes() == content


def test_the_state_is_closed_to_other_users(shop: Shop) -> None:
    """Roots hold setuid programs; layers hold files that only their owner may read."""
    assert shop.herdbook.state.stat().st_mode & 0o077 == 0


def test_versions_are_numbered_and_shown(shop: Shop) -> None:
    listed = shop.herdbook.json("images")
    assert shop.built["image"] in [each["image"] for each in listed]
    assert shop.herdbook.json("show", "shop/web:1")["digest"] == shop.built["digest"]
    assert shop.built["digest"] in shop.herdbook.must("show", "shop/web")


def test_a_wrong_name_gets_the_nearest_one(shop: Shop) -> None:
    result = shop.herdbook.run("show", "shop/wev")
    assert result.returncode == 4
    assert "shop/web" in result.stderr


def test_no_file_made_by_the_build_tells_when_it_was_made(shop: Shop) -> None:
    """Every time in the layers above the packages is the suite's own, or a directory's zero."""
    import tarfile

    epoch = 1_686_355_200
    for title, digest in shop.layers("vm").items():
        if title not in MADE:
            continue
        path = shop.herdbook.state / "blobs/sha256" / digest.partition(":")[2]
        with tarfile.open(path) as archive:
            times = {member.mtime for member in archive if not member.isdir()}
        assert all(time <= epoch for time in times), title


def test_no_layer_made_by_the_build_mentions_the_day_it_was_made(shop: Shop) -> None:
    """The clock cannot be set here; but what another day would change has to name the day."""
    built_at = datetime.fromisoformat(shop.built["created_at"])
    written = [built_at.strftime(form).encode() for form in ("%Y-%m-%d", "%b %d %Y", "%d %b %Y")]
    for variant in ("container", "vm"):
        for title, digest in shop.layers(variant).items():
            if title in MADE:
                path = shop.herdbook.state / "blobs/sha256" / digest.partition(":")[2]
                content = path.read_bytes()
                assert [day for day in written if day in content] == [], title


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_init_gives_a_recipe_that_builds(tmp_path: Path, kept_archive: Path) -> None:
    herdbook = Herdbook(tmp_path / "state")
    herdbook.must("init", tmp_path / "new", "--image", "team/hello")
    assert herdbook.run("init", tmp_path / "new").returncode == 10
    recipe = tmp_path / "new/herdbook.yaml"
    recipe.write_text(recipe.read_text().replace("[container, vm]", "[container]"))
    ready = herdbook_with(kept_archive, tmp_path / "build")
    assert ready.json("build", recipe)["image"] == "team/hello"
