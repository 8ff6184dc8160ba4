"""An image of somebody else is a base like any other: packages, files and steps go on top of it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook
from tiny import Tiny

SCRIPT = """#!/bin/busybox sh
echo from the base
"""


def layout_of(tree: Path, target: Path, *settings: str) -> None:
    """Make an OCI layout of a folder with buildah, as somebody else would."""
    container = target.parent / "Containerfile"
    container.write_text("FROM scratch\nCOPY . /\n" + "".join(f"{line}\n" for line in settings))
    storage = ["--root", str(target.parent / "storage"), "--storage-driver", "vfs"]
    for arguments in (
        ["bud", "--isolation", "chroot", "-q", "-f", str(container), "-t", "base", str(tree)],
        ["push", "-q", "base", f"oci:{target}:latest"],
    ):
        result = subprocess.run(
            ["buildah", *storage, *arguments], capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr


def layers(herdbook: Herdbook, image: str) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = herdbook.json("show", image)["variants"][0]["layers"]
    return shown


def logs(herdbook: Herdbook, image: str) -> str:
    started = herdbook.json("run", image)
    try:
        return herdbook.must("logs", started["name"])
    finally:
        herdbook.run("stop", started["name"])


@pytest.fixture(scope="module")
def busybox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a base that is no Debian: one static program and a script."""
    folder = tmp_path_factory.mktemp("busybox")
    tree = folder / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "bin/hello").write_text(SCRIPT)
    (tree / "bin/hello").chmod(0o755)
    layout_of(tree, folder / "base", "ENV GREETING=hi", "USER 1234:1234", 'CMD ["/bin/hello"]')
    shutil.rmtree(folder / "storage", ignore_errors=True)
    return folder


def test_on_a_base_that_is_no_debian_files_and_steps_work(tiny: Tiny, busybox: Path) -> None:
    (busybox / "more.txt").write_text("more\n")
    recipe = busybox / "on-busybox.yaml"
    recipe.write_text(
        "image: b/busybox\nfrom: oci:./base\nvariants: [container]\n"
        "files: [{from: more.txt, to: /srv/more.txt}]\n"
        'run: ["/bin/busybox cat /srv/more.txt > /srv/copied"]\n'
    )
    built = tiny.herdbook.json("build", recipe)
    titles = [layer["title"] for layer in built["variants"][0]["layers"]]
    assert titles == ["base.1", "files", "run"]
    assert "from the base" in logs(tiny.herdbook, "b/busybox")
    again = tiny.herdbook.json("build", recipe)
    assert again["unchanged"] is True


def test_packages_cannot_be_installed_where_there_is_no_dpkg(tiny: Tiny, busybox: Path) -> None:
    recipe = busybox / "packages.yaml"
    recipe.write_text("image: b/p\nfrom: oci:./base\npackages: [file]\nvariants: [container]\n")
    result = tiny.herdbook.run("build", recipe)
    assert result.returncode == 3
    assert "No packages can be installed" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_debian_base_takes_packages_and_keeps_what_it_had(tiny: Tiny, tmp_path: Path) -> None:
    tiny.herdbook.must("export", "t/tiny", "--to", tmp_path / "base", "--compression", "gzip")
    recipe = tmp_path / "on-debian.yaml"
    recipe.write_text(
        "image: b/debian\nfrom: oci:./base\npackages: [netbase]\nvariants: [container]\n"
        'run: ["dpkg-query --show netbase dpkg > /etc/seen", "test -z \\"$(dpkg --audit)\\""]\n'
        "service: {command: [cat, /etc/seen, /etc/protocols]}\n"
    )
    built = tiny.herdbook.json("build", recipe)
    own = [layer["title"] for layer in built["variants"][0]["layers"]]
    below = len(layers(tiny.herdbook, "t/tiny"))
    assert own[:below] == [f"base.{number + 1}" for number in range(below)]
    assert "netbase" in own
    said = logs(tiny.herdbook, "b/debian")
    assert "netbase\t" in said
    assert "dpkg\t" in said
    assert "icmp" in said


def test_a_reference_that_leads_nowhere_is_told_with_its_line(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tmp_path / "lost.yaml"
    recipe.write_text("image: b/lost\nfrom: oci:./absent\nvariants: [container]\n")
    result = tiny.herdbook.run("build", recipe)
    assert result.returncode == 4
    assert f"{recipe}:2" in result.stderr
    assert "Traceback" not in result.stderr
