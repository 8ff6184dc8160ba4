"""People are told why a package is in an image, and what differs between two versions."""

import json
from typing import Any

import pytest
from product import Herdbook
from tiny import Tiny, assert_clear

pytestmark = [pytest.mark.root, pytest.mark.archive]

RECIPE = """\
image: t/why
from: debian:bookworm
packages: [{packages}]
files: [{{from: note.txt, to: /srv/note.txt}}]
service: {{command: [/bin/sleep, infinity], env: {{GREETING: {greeting}}}}}
variants: [container]
"""
CHILD = """\
image: t/child
from: t/why
packages: [libmagic-dev]
run: ["mkdir -p /srv/node_modules/pad && cp /srv/pad.json /srv/node_modules/pad/package.json"]
files: [{from: pad.json, to: /srv/pad.json}]
variants: [container]
"""
PAD = json.dumps({"name": "pad", "version": "1.0.0"})


@pytest.fixture(scope="module")
def herdbook(tmp_path_factory: pytest.TempPathFactory, tiny: Tiny) -> Herdbook:
    """Build two versions, the second with a package more and a file changed, and a child of it."""
    folder = tmp_path_factory.mktemp("why")
    herdbook = tiny.herdbook
    (folder / "pad.json").write_text(PAD)
    (folder / "child.yaml").write_text(CHILD)
    for packages, greeting in (("", "hello"), ("file", "goodbye")):
        (folder / "note.txt").write_text(greeting)
        recipe = folder / "why.yaml"
        recipe.write_text(RECIPE.format(packages=packages, greeting=greeting))
        herdbook.must("build", recipe)
    herdbook.must("build", folder / "child.yaml")
    return herdbook


def reason(herdbook: Herdbook, image: str, package: str) -> dict[str, Any]:
    (found,) = herdbook.json("why", image, package)["found"]
    return dict(found)


def chain(way: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(each["name"], each["kind"]) for each in way["packages"]]


def test_a_package_is_explained_by_the_one_that_was_asked_for(herdbook: Herdbook) -> None:
    found = reason(herdbook, "t/why", "libmagic-mgc")
    assert (found["variants"], found["inherited"]) == (["container"], [])
    assert [layer["title"] for layer in found["layers"]] == ["file"]
    (way,) = found["ways"]
    assert way["because"] == ["t/why:2 asks for it"]
    assert chain(way) == [("file", None), ("libmagic1", "depends"), ("libmagic-mgc", "depends")]


def test_what_no_recipe_asks_for_is_there_for_the_essential_packages(herdbook: Herdbook) -> None:
    ways = reason(herdbook, "t/why:1", "libc6")["ways"]
    assert {because for way in ways for because in way["because"]} == {"it is essential"}
    assert "it is essential" in herdbook.must("why", "t/why:1", "libc6")


def test_a_child_is_told_what_its_parent_brought_and_since_when(herdbook: Herdbook) -> None:
    found = reason(herdbook, "t/child", "libmagic1")
    assert found["inherited"] == [{"from": "t/why:2", "first": "t/why:2", "certain": True}]
    because = {each: chain(way) for way in found["ways"] for each in way["because"]}
    assert because == {
        "t/why:2 asks for it": [("file", None), ("libmagic1", "depends")],
        "t/child:1 asks for it": [("libmagic-dev", None), ("libmagic1", "depends")],
    }
    assert reason(herdbook, "t/child", "dpkg")["inherited"] == [
        {"from": "t/why:2", "first": "t/why:1", "certain": True}
    ]


def test_a_source_means_all_that_is_built_from_it_and_a_purl_one_of_them(
    herdbook: Herdbook,
) -> None:
    found = herdbook.json("why", "t/why", "glibc")["found"]
    assert [each["name"] for each in found] == ["libc-bin", "libc6"]
    assert reason(herdbook, "t/why", found[1]["purl"])["name"] == "libc6"
    assert herdbook.json("why", "t/why", "file")["others"] == ["libmagic-mgc", "libmagic1"]


def test_what_was_found_in_files_is_told_with_layer_and_path(herdbook: Herdbook) -> None:
    found = reason(herdbook, "t/child", "pad")
    assert (found["ecosystem"], found["ways"]) == ("npm", [])
    (layer,) = found["layers"]
    assert (layer["title"], layer["path"]) == ("run", "/srv/node_modules/pad/package.json")


def test_a_wrong_name_gets_the_nearest(herdbook: Herdbook) -> None:
    assert_clear(herdbook.run("why", "t/why", "libmagc1"), 4, "'libmagic1'")
    assert_clear(herdbook.run("why", "t/why", "pkg:deb/debian/libc6@1"), 4, "It holds 2.")


def test_the_tree_fits_a_terminal(herdbook: Herdbook) -> None:
    lines = herdbook.must("why", "t/child", "libmagic-mgc", "--all").splitlines()
    assert max(map(len, lines)) <= 80
    assert "        └ libmagic-mgc" in "\n".join(lines)


def test_two_versions_differ_in_what_was_changed(herdbook: Herdbook) -> None:
    said = herdbook.json("diff", "t/why:1", "t/why:2", "--files")
    (variant,) = said["variants"]
    changes = variant["packages"]["changes"]
    assert [(each["kind"], each["name"]) for each in changes] == [
        ("added", "file"),
        ("added", "libmagic-mgc"),
        ("added", "libmagic1"),
    ]
    assert variant["packages"]["complete"]
    assert variant["settings"] == [
        {"name": "environment GREETING", "before": "hello", "after": "goodbye"}
    ]
    files = {each["path"]: each for each in variant["files"]["changes"]}
    assert files["/srv/note.txt"]["kind"] == "changed"
    assert files["/srv/note.txt"]["layer"] == "files"
    assert files["/usr/bin/file"]["kind"] == "added"
    assert variant["files"]["counts"]["added"]["count"] == len(
        [each for each in files.values() if each["kind"] == "added"]
    )
    layers = variant["layers"]
    assert "file" in [layer["title"] for layer in layers["added"]]
    assert layers["pulled_bytes"] == sum(layer["size_bytes"] for layer in layers["added"])
    assert len(layers["kept"]) > 1


def test_one_name_means_its_newest_two_versions(herdbook: Herdbook) -> None:
    told = herdbook.must("diff", "t/why")
    assert told.startswith("t/why:1 -> t/why:2\n")
    assert "+ file 1:5.44" in told
    assert_clear(herdbook.run("diff", "t/child"), 4, "before t/child:1")
    assert "same to the last byte" in herdbook.must("diff", "t/why", "t/why:2")


def test_two_images_can_be_compared(herdbook: Herdbook) -> None:
    (variant,) = herdbook.json("diff", "t/why", "t/child")["variants"]
    assert {each["kind"] for each in variant["packages"]["changes"]} == {"added"}
    assert variant["layers"]["removed"] == []


def test_without_a_layer_all_but_the_files_is_still_told(herdbook: Herdbook) -> None:
    layers = herdbook.json("show", "t/why:1")["variants"][0]["layers"]
    gone = next(each["digest"] for each in layers if each["title"] == "files")
    path = herdbook.state / "blobs/trees" / gone.partition(":")[2]
    content = path.read_bytes()
    path.unlink()
    try:
        (variant,) = herdbook.json("diff", "t/why")["variants"]
        told = herdbook.must("diff", "t/why")
    finally:
        path.write_bytes(content)
    assert variant["files"] is None
    assert "files" in variant["files_unknown_because"]
    assert len(variant["packages"]["changes"]) == 3
    assert "files: cannot be compared" in told
