"""A catalogue's matrix: planned before it is built, built once, gone on with after kill -9."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from product import PROGRAM, Herdbook, herdbook_with
from tiny import Tiny, assert_clear, until

pytestmark = [pytest.mark.root, pytest.mark.archive]

CATALOGUE = """\
name: "t/{flavour}-{size}"
defaults:
  from: debian:bookworm
  variants: [container]
  files: [{from: "{flavour}.txt", to: /srv/flavour}]
axes:
  flavour: {sweet: {}, sour: {}}
  size: {s: {}, m: {packages: [netbase]}, l: {packages: [netbase, tzdata]}}
exclude: [{flavour: sour, size: l}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "catalogue.yaml").write_text(CATALOGUE)
    for flavour in ("sweet", "sour"):
        (folder / f"{flavour}.txt").write_text(flavour)
    return folder


def planned(herdbook: Herdbook, folder: Path) -> Any:
    return herdbook.json("catalogue", "plan", folder / "catalogue.yaml")["images"]


def digests(herdbook: Herdbook) -> dict[str, str]:
    return {each["image"]: each["digest"] for each in herdbook.json("images")}


def test_a_matrix_is_planned_built_killed_and_gone_on_with(
    tiny: Tiny, tmp_path: Path, folder: Path
) -> None:
    """Five images, three sets of inputs; what a killed build made is not made again."""
    herdbook = herdbook_with(tiny.state / "archive", tmp_path / "state")
    path = folder / "catalogue.yaml"
    assert planned(herdbook, folder) == {"up to date": 0, "changed": 0, "new": 5}
    command = [str(PROGRAM), "catalogue", "build", str(path)]
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=herdbook.environment(), stdout=nowhere, stderr=nowhere, text=True
    ) as program:
        until(lambda: herdbook.json("images"), program)
        program.send_signal(signal.SIGKILL)
        program.wait()
    before = digests(herdbook)
    assert 1 <= len(before) < 5
    built = herdbook.json("catalogue", "build", path)
    assert built["failed"] == []
    assert {each["image"] for each in built["built"] if each["unchanged"]} >= set(before)
    after = digests(herdbook)
    assert len(after) == 5
    assert after.items() >= before.items()
    assert {each["number"] for each in herdbook.json("images")} == {1}
    assert len(list((folder / "locks").glob("bookworm-*.lock"))) == 3
    assert planned(herdbook, folder) == {"up to date": 5, "changed": 0, "new": 0}

    (folder / "sour.txt").write_text("sourer")
    assert planned(herdbook, folder) == {"up to date": 3, "changed": 2, "new": 0}
    assert "2 of 2 images are built" in herdbook.must("catalogue", "build", path)
    changed = digests(herdbook)
    assert {image for image in changed if changed[image] != after[image]} == {
        "t/sour-s",
        "t/sour-m",
    }

    assert_found(herdbook)
    assert_vulnerable(herdbook, tmp_path)


HOLDERS = {"t/sweet-m", "t/sweet-l", "t/sour-m"}


def assert_found(herdbook: Herdbook) -> None:
    """Who holds a component is told, and a wrong name is corrected."""
    found = json.loads(herdbook.must("affected", "netbase", "--json"))
    assert {each["image"] for each in found["versions"]} == HOLDERS
    assert all(each["newest"] and each["layers"] for each in found["versions"])
    assert found["layers_not_scanned"] == 0
    assert_clear(herdbook.run("affected", "netbas"), 4, "netbas", "netbase")
    assert "t/sour-m" in herdbook.must("catalogue", "ls", "--match", "sour")


def assert_vulnerable(herdbook: Herdbook, folder: Path) -> None:
    """What nobody spoke of is an error, not clean; what is imported later counts at once."""
    assert_clear(herdbook.run("affected", "--cve", "CVE-2030-1"), 4, "advisories import")
    feed = folder / "tracker.json"
    release = {"status": "open", "repositories": {"bookworm": "6.4"}, "urgency": "low"}
    said = {"description": "made up", "releases": {"bookworm": release}}
    feed.write_text(json.dumps({"netbase": {"CVE-2030-1": said}}))
    herdbook.must("advisories", "import", feed)
    found = json.loads(herdbook.must("affected", "--cve", "CVE-2030-1", "--json"))
    assert {each["image"] for each in found["versions"]} == HOLDERS
    assert "CVE-2030-1" in herdbook.must("vulnerabilities", "t/sour-m")
    assert "CVE-2030-1" not in herdbook.must("vulnerabilities", "t/sour-s")


def test_what_is_made_from_an_image_is_shown_as_its_descendant(tiny: Tiny, tmp_path: Path) -> None:
    herdbook = herdbook_with(tiny.state / "archive", tmp_path / "state")
    parent = tiny.recipe_in(tmp_path, image="t/base")
    herdbook.must("build", parent)
    child = tmp_path / "child.yaml"
    child.write_text("image: t/child\nfrom: t/base\nvariants: [container]\n")
    herdbook.must("build", child)
    drawn = herdbook.must("tree", "t/base")
    assert [line.strip("└─ ") for line in drawn.splitlines()] == [
        *("debian:bookworm", "t/base:1  <- asked for", "t/child:1")
    ]
    told = herdbook.json("tree", "t/child")
    assert told["children"][0]["children"][0] == {
        "label": "t/child:1",
        "asked": True,
        "children": [],
    }
    for word in ("affected", "sbom"):
        assert herdbook.run(word, "t/chidl").returncode in (3, 4)
