"""Promises of Node packages: found from everywhere, one layer wherever, and just what npm makes."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fetching import fetch
from product import Herdbook, layers_of

from herdbook.builds.node_modules import lay_out
from herdbook.builds.package_lock import read_package_lock
from herdbook.core.progress import NoProgress
from herdbook.drivers.npm import NpmNodePackages

pytestmark = [pytest.mark.root, pytest.mark.archive]

PROJECT = Path(__file__).with_name("node")
RECIPE = """\
image: t/node
from: debian:{suite}
packages: [nodejs]
node: {{lock: package-lock.json}}
files: [{{from: srv, to: /srv/web}}]
service:
  command: [node, /srv/web/server.mjs]
  ports: [8080]
  health: {{http: /}}
variants: [container]
"""


@pytest.fixture(scope="module")
def herdbook(tmp_path_factory: pytest.TempPathFactory) -> Herdbook:
    return Herdbook(tmp_path_factory.mktemp("state"))


def project(folder: Path, suite: str = "bookworm") -> Path:
    """Copy the project to a folder of its own and return its recipe."""
    shutil.copytree(PROJECT, folder)
    recipe = folder / "herdbook.yaml"
    recipe.write_text(RECIPE.format(suite=suite))
    return recipe


@pytest.fixture(scope="module")
def built(herdbook: Herdbook, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    recipe = project(tmp_path_factory.mktemp("node") / "web")
    version: dict[str, Any] = herdbook.json("build", recipe)
    return version


@pytest.mark.podman
def test_packages_are_found_by_require_and_by_import(
    herdbook: Herdbook, built: dict[str, Any]
) -> None:
    started = herdbook.json("run", f"t/node:{built['number']}")
    try:
        answer = json.loads(fetch(f"http://127.0.0.1:{started['ports'][0]['port']}/"))
    finally:
        herdbook.must("stop", started["name"])
    assert answer["same"]
    assert answer["built"] == "let x = 1;"
    assert answer["path"].startswith("/opt/node/node_modules/.bin:")


def test_the_layer_is_the_same_in_another_suite_and_state(
    built: dict[str, Any], tmp_path: Path
) -> None:
    other = Herdbook(tmp_path / "state").json("build", project(tmp_path / "web", "trixie"))
    node = layers_of(built, "container")["node"]
    assert layers_of(other, "container")["node"] == node


def test_a_change_of_a_dependency_changes_its_layer_alone(
    herdbook: Herdbook, built: dict[str, Any], tmp_path: Path
) -> None:
    recipe = project(tmp_path / "web")
    path = recipe.with_name("package-lock.json")
    document = json.loads(path.read_text())
    del document["packages"]["node_modules/etag"]
    path.write_text(json.dumps(document))
    before = layers_of(built, "container")
    after = layers_of(herdbook.json("build", recipe), "container")
    assert {title for title in before if before[title] != after[title]} == {"node"}


def test_packages_do_not_mix_with_those_of_the_image_below(
    herdbook: Herdbook, built: dict[str, Any], tmp_path: Path
) -> None:
    recipe = project(tmp_path / "web")
    child = ["image: t/child", f"from: t/node:{built['number']}", "variants: [container]"]
    recipe.write_text("\n".join([*child, "node: {lock: package-lock.json}"]))
    refused = herdbook.run("build", recipe)
    assert refused.returncode == 10, refused.stderr
    assert "herdbook.yaml:4" in refused.stderr


@pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm to compare with")
@pytest.mark.parametrize("development", [False, True])
def test_the_tree_is_the_one_npm_makes(tmp_path: Path, *, development: bool) -> None:
    """But for npm's own note of what it has done, which nothing but npm reads."""
    theirs = tmp_path / "theirs"
    shutil.copytree(PROJECT, theirs)
    omitted = [] if development else ["--omit=dev"]
    subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", *omitted],
        cwd=theirs,
        check=True,
        capture_output=True,
        timeout=300,
    )
    (theirs / "node_modules/.package-lock.json").unlink()
    text = (PROJECT / "package-lock.json").read_text()
    locked = read_package_lock(text, "package-lock.json", development=development)
    tarballs = NpmNodePackages(tmp_path / "kept").fetch(locked, NoProgress())
    lay_out(locked.packages, tarballs, tmp_path / "ours")
    ours = tmp_path / "ours/opt/node"
    assert _tree(ours / "node_modules") == _tree(theirs / "node_modules")
    assert (ours / "node_modules/is-odd").exists() == development


def _tree(root: Path) -> dict[str, object]:
    """What lies below a folder: modes and contents, or where a link leads."""
    return {
        str(path.relative_to(root)): (
            str(path.readlink())
            if path.is_symlink()
            else (path.stat().st_mode, path.read_bytes() if path.is_file() else b"")
        )
        for path in root.rglob("*")
    }
