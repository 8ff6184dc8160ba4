"""The example catalogue does what it is an example of: its images run, and hold what is listed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from product import PROGRAM, REPOSITORY, Herdbook, container_named, tool

pytestmark = [pytest.mark.root, pytest.mark.podman, pytest.mark.archive, pytest.mark.timeout(7200)]

EXAMPLE = REPOSITORY / "examples/catalogue"
_NODE_OF_NPM = 18
"""The oldest Node that a present npm runs on."""

LONG = os.environ.get("HERDBOOK_CATALOGUE") == "long"
SHORT = """
include:
  - {suite: bookworm, language: python, framework: flask}
  - {suite: bookworm, language: node, framework: express}
  - {suite: trixie, language: ruby, framework: rack}
"""
"""What the ordinary suite has time for: one of each kind of package, on two suites."""


@dataclass(frozen=True)
class Built:
    """The catalogue, built in a state of its own."""

    herdbook: Herdbook
    folder: Path
    images: list[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("example") / "catalogue"
    shutil.copytree(EXAMPLE, folder)
    path = folder / "catalogue.yaml"
    if not LONG:
        text = path.read_text()
        everything = "  - {suite: [bullseye, bookworm, trixie]}\n"
        before, _, excluded = text.partition("\nexclude:\n")
        assert excluded
        path.write_text(
            f"{before}\nexclude:\n{everything}{SHORT}".replace(
                "variants: [vm]", "variants: [container]"
            )
        )
    herdbook = Herdbook(tmp_path_factory.mktemp("example-state"))
    subprocess.run(
        [PROGRAM, "catalogue", "build", path], env=herdbook.environment(), check=True, timeout=7000
    )
    images = [each["image"] for each in herdbook.json("images")]
    yield Built(herdbook, folder, images)
    herdbook.run("stop", "--all")


def test_all_of_it_is_built_and_nothing_is_left_to_do(built: Built) -> None:
    plan = built.herdbook.json("catalogue", "plan", built.folder / "catalogue.yaml")
    assert plan["images"]["changed"] == plan["images"]["new"] == 0
    assert plan["images"]["up to date"] == len(built.images) >= (60 if LONG else 3)
    assert plan["locks_missing"] == plan["layers_missing"] == 0
    assert plan["layers"] < plan["layers_used"]


def test_every_image_answers_for_itself(built: Built) -> None:
    environment = {
        **built.herdbook.environment(),
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
    }
    result = subprocess.run(
        [sys.executable, EXAMPLE / "smoke", "--all"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(built.images)} passed, 0 failed" in result.stdout


def test_the_components_are_those_that_the_started_instance_knows_of(built: Built) -> None:
    """For each image: what dpkg-query, pip and npm say in there is what is listed, and no more."""
    wrong = {}
    for image in built.images:
        listed = _listed(built.herdbook, image)
        found = _found_inside(built.herdbook, image)
        if listed != found:
            wrong[image] = (sorted(listed - found)[:10], sorted(found - listed)[:10])
    assert wrong == {}


def _listed(herdbook: Herdbook, image: str) -> set[str]:
    """Return ecosystem, name and version of everything in an image's bill of materials."""
    bill = json.loads(herdbook.must("sbom", image))
    assert bill["compositions"][0]["aggregate"] == "complete"
    found = set()
    for component in bill["components"]:
        kind = component["purl"].partition("/")[0].removeprefix("pkg:")
        group = f"{component['group']}/" if component.get("group") else ""
        found.add(f"{kind} {group}{component['name']} {component['version']}")
    return found


def _found_inside(herdbook: Herdbook, image: str) -> set[str]:
    name = herdbook.json("run", image)["name"]
    try:
        inside = ("podman", "exec", "--user", "0", container_named(name))
        listing = tool(*inside, "dpkg-query", "-W", "-f", "deb ${Package} ${Version}\n")
        found = set(listing.splitlines())
        if _has(inside, "/opt/venv"):
            found |= set(_python(inside, container_named(name)))
        if _has(inside, "/opt/node"):
            found |= set(_node(inside, container_named(name)))
    finally:
        herdbook.must("stop", name)
    return found


def _has(inside: tuple[str, ...], path: str) -> bool:
    return subprocess.run([*inside, "test", "-e", path], check=False).returncode == 0


def _python(inside: tuple[str, ...], container: str) -> Iterator[str]:
    """Ask pip itself, which the image does not have: its own wheel runs without being installed."""
    number = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = tool(*inside, "/opt/venv/bin/python", "-c", number).strip()
    tool("podman", "cp", str(_pip_for(version)), f"{container}:/tmp/pip")
    # Debian's Python 3.9 has no distutils, which pip would ask where things lie.
    script = (
        "import sys, sysconfig; sysconfig._PIP_USE_SYSCONFIG = True; "
        "sys.path.insert(0, '/tmp'); from pip import main; main(['inspect'])"
    )
    told = json.loads(tool(*inside, "/opt/venv/bin/python", "-c", script))
    for each in told["installed"]:
        if each["metadata_location"].startswith("/opt/venv"):
            metadata = each["metadata"]
            yield f"pypi {canonicalize_name(metadata['name'])} {metadata['version']}"


@cache
def _pip_for(version: str) -> Path:
    """Return the newest pip that an interpreter can run: ours may be too new for it."""
    folder = Path(tempfile.mkdtemp(prefix="herdbook-pip-"))
    options = ("--no-deps", "--only-binary=:all:", "--python-version", version, "--dest", folder)
    tool(sys.executable, "-m", "pip", "download", "--quiet", "pip", *options)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder / "pip"


def _node(inside: tuple[str, ...], container: str) -> Iterator[str]:
    """Ask npm itself, which the image does not have either."""
    major = int(tool(*inside, "node", "--version").lstrip("v").partition(".")[0])
    tool("podman", "cp", str(_npm_for(major)), f"{container}:/tmp/npm")
    program = ("node", "/tmp/npm/bin/npm-cli.js", "ls", "--all", "--json", "--prefix", "/opt/node")
    result = subprocess.run([*inside, *program], check=False, capture_output=True, text=True)
    assert result.stdout, result.stderr
    yield from _tree(json.loads(result.stdout)["dependencies"])


@cache
def _npm_for(major: int) -> Path:
    """Return this machine's npm, or where that is too new for an interpreter, an older one."""
    if major >= _NODE_OF_NPM:
        return Path(shutil.which("npm") or "").resolve().parents[1]
    folder = Path(tempfile.mkdtemp(prefix="herdbook-npm-"))
    tool("npm", "pack", "--silent", "--pack-destination", folder, "npm@8")
    (archive,) = folder.glob("*.tgz")
    tool("tar", "-xzf", archive, "-C", folder)
    return folder / "package"


def _tree(dependencies: dict[str, Any]) -> Iterator[str]:
    for name, each in dependencies.items():
        if "version" in each:
            yield f"npm {name} {each['version']}"
        yield from _tree(each.get("dependencies", {}))
