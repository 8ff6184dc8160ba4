"""A recipe with npm packages: what it must name, where programs are, what its layer hangs on."""

from pathlib import Path
from typing import Any

import pytest
from npm import entry, integrity, package_lock

from herdbook.actions.lock_node import lock_node
from herdbook.builds.keys import node_key
from herdbook.builds.locked_node import LockedNode, LockedNodePackage
from herdbook.builds.service import search_path
from herdbook.core.errors import HerdbookError, InvalidInputError, NotFoundError
from herdbook.images.documents import SERVICE_PATH
from herdbook.recipes.model import Recipe
from herdbook.recipes.reading import RecipeFile, read_recipe

PROGRAMS = "/opt/node/node_modules/.bin"


def recipe_file(folder: Path, *lines: str, base: str = "debian:bookworm") -> RecipeFile:
    path = folder / "herdbook.yaml"
    path.write_text("\n".join(["image: web", f"from: {base}", *lines]))
    return read_recipe(path)


def recipe(**more: Any) -> Recipe:
    packages = ["nodejs", "python3"]
    return Recipe.model_validate(
        {"image": "web", "from": "debian:bookworm", "packages": packages, **more}
    )


@pytest.mark.parametrize(
    ("line", "interpreter"),
    [("node: {lock: x}", "nodejs"), ("python: {requirements: x}", "python3")],
)
def test_the_interpreter_is_wanted_where_no_image_below_can_bring_it(
    tmp_path: Path, line: str, interpreter: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"add {interpreter} to `packages`") as caught:
        recipe_file(tmp_path, "packages: [curl]", line)
    assert caught.value.where.endswith(":4")
    recipe_file(tmp_path, f"packages: [{interpreter}]", line)
    for base in ("shop/base", "shop/base:3", "oci:host/image:1"):
        recipe_file(tmp_path, line, base=base)


def test_programs_of_packages_come_before_those_of_the_system() -> None:
    node, python = {"lock": "package-lock.json"}, {"requirements": "requirements.txt"}
    assert search_path(recipe()) == SERVICE_PATH
    assert search_path(recipe(node=node)) == f"{PROGRAMS}:{SERVICE_PATH}"
    both = search_path(recipe(node=node, python=python))
    assert both == f"/opt/venv/bin:{PROGRAMS}:{SERVICE_PATH}"


def test_the_lock_holds_what_the_package_lock_says(tmp_path: Path) -> None:
    packages = {"node_modules/a": entry(b"a"), "node_modules/d": entry(b"d", dev=True)}
    (tmp_path / "package-lock.json").write_text(package_lock(packages))
    lines = ("packages: [nodejs]", "node: {lock: package-lock.json, development: true}")
    found = lock_node(recipe_file(tmp_path, *lines))
    assert found is not None
    assert [package.integrity for package in found.packages] == [integrity(b"a"), integrity(b"d")]
    assert lock_node(recipe_file(tmp_path)) is None


@pytest.mark.parametrize(
    ("name", "content", "kind", "place"),
    [
        ("absent.json", b"", NotFoundError, "herdbook.yaml:4"),
        ("../outside.json", b"{}", InvalidInputError, "herdbook.yaml:4"),
        ("package-lock.json", b"\xff", InvalidInputError, "package-lock.json"),
        ("package-lock.json", b'{\n"lockfileVersion"', InvalidInputError, "package-lock.json:2"),
    ],
)
def test_a_package_lock_that_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, name: str, content: bytes, kind: type[HerdbookError], place: str
) -> None:
    folder = tmp_path / "recipe"
    folder.mkdir()
    if content:
        (folder / name).write_bytes(content)
    with pytest.raises(kind) as caught:
        lock_node(recipe_file(folder, "packages: [nodejs]", f"node: {{lock: {name}}}"))
    assert caught.value.where.endswith(place)
    assert caught.value.hint


def test_a_layer_hangs_on_what_lies_in_it_alone() -> None:
    """Not on the suite, the names or who has install scripts: then it is one in all images."""
    one = LockedNodePackage(
        path="node_modules/a", name="a", version="1.0.0", integrity=integrity(b"a")
    )
    base = node_key(LockedNode(packages=(one,)))
    same: dict[str, Any] = {"name": "b", "version": "2.0.0", "has_install_script": True}
    other: list[dict[str, Any]] = [
        {"path": "node_modules/b"},
        {"integrity": integrity(b"b")},
        {"programs": {"a": "a"}},
    ]
    assert node_key(LockedNode(packages=(one.model_copy(update=same),))) == base
    changed = [node_key(LockedNode(packages=(one.model_copy(update=each),))) for each in other]
    assert len({base, *changed}) == 4
