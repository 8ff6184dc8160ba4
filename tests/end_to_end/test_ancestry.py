"""An image made from another one stands on its layers, whole and unchanged."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook

PARENT = """\
image: a/parent
from: debian:bookworm
packages: [python3]
user: web
files: [{from: hello.py, to: /srv/hello.py, owner: web}]
run: [echo from the parent > /etc/parent]
service: {command: [python3, /srv/hello.py], env: {GREETING: hello}}
variants: [container]
"""
CHILD = """\
image: a/child
from: a/parent
packages: [file, openssh-server]
files: [{from: more.txt, to: /srv/more.txt}]
run: [id web > /etc/child, cat /etc/parent >> /etc/child, test -e /srv/hello.py]
variants: [container]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a parent and a child."""
    folder = tmp_path_factory.mktemp("ancestry")
    (folder / "hello.py").write_text("import os\nprint(os.environ['GREETING'])\n")
    (folder / "more.txt").write_text("more\n")
    (folder / "parent.yaml").write_text(PARENT)
    (folder / "child.yaml").write_text(CHILD)
    return folder


@pytest.fixture(scope="module")
def herdbook(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Herdbook:
    """Build both with one command, the child named first."""
    herdbook = Herdbook(tmp_path_factory.mktemp("state"))
    said = herdbook.json("build", folder / "child.yaml", folder / "parent.yaml")
    assert said["failed"] == []
    return herdbook


def layers(herdbook: Herdbook, image: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = herdbook.json("show", image)["variants"][0]["layers"]
    return shown


def unpacked(herdbook: Herdbook, image: str, folder: Path) -> Path:
    """Export an image and unpack it as a runtime would."""
    herdbook.must("export", image, "--format", "oci", "--to", folder / "layout")
    subprocess.run(
        ["umoci", "raw", "unpack", "--image", f"{folder}/layout:1", folder / "root"],
        check=True,
        capture_output=True,
    )
    return folder / "root"


def test_the_childs_lowest_layers_are_the_parents(herdbook: Herdbook) -> None:
    parent, child = layers(herdbook, "a/parent"), layers(herdbook, "a/child")
    assert child[: len(parent)] == parent
    assert len(child) > len(parent)


def test_the_child_is_a_whole_system_with_what_its_parent_had(
    herdbook: Herdbook, tmp_path: Path
) -> None:
    root = unpacked(herdbook, "a/child", tmp_path)
    assert (root / "etc/parent").read_text() == "from the parent\n"
    assert "10000(web)" in (root / "etc/child").read_text()
    assert (root / "usr/sbin/sshd").exists()
    status = (root / "var/lib/dpkg/status").read_text()
    for name in ("python3", "file", "openssh-server", "dpkg"):
        (found,) = [text for text in status.split("\n\n") if text.startswith(f"Package: {name}\n")]
        assert "Status: install ok installed\n" in found
    passwd = (root / "etc/passwd").read_text()
    assert "web:x:10000" in passwd
    assert "sshd:" in passwd
    hello = root / "srv/hello.py"
    assert hello.stat().st_uid == 10000
    audit = subprocess.run(["chroot", root, "dpkg", "--audit"], capture_output=True, check=True)
    assert audit.stdout == b""


def test_the_parents_service_runs_if_the_child_names_none(herdbook: Herdbook) -> None:
    instance = herdbook.json("run", "a/child")
    try:
        assert "hello" in herdbook.must("logs", instance["name"])
    finally:
        herdbook.run("stop", instance["name"])


def test_the_lock_names_the_parents_version(herdbook: Herdbook, folder: Path) -> None:
    lock = (folder / "child.lock").read_text()
    assert herdbook.json("show", "a/parent")["digest"] in lock


def test_a_parent_that_is_not_here_is_told_with_its_line(
    herdbook: Herdbook, tmp_path: Path
) -> None:
    (tmp_path / "child.yaml").write_text("image: a/b\nfrom: a/parnet\n")
    result = herdbook.run("build", tmp_path / "child.yaml")
    assert result.returncode == 4
    assert f"{tmp_path}/child.yaml:2" in result.stderr
    assert "a/parent" in result.stderr


def test_a_lock_of_another_parent_is_not_built(
    herdbook: Herdbook, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    lock = (tmp_path / "child.lock").read_text()
    digest = herdbook.json("show", "a/parent")["digest"]
    (tmp_path / "child.lock").write_text(lock.replace(digest, "sha256:" + "0" * 64))
    result = herdbook.run("build", tmp_path / "child.yaml")
    assert result.returncode != 0
    assert "not the version that was locked" in result.stderr
