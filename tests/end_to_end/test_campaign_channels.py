"""Images made from what a channel means get a patch when the channel does, by real packages."""

import json
from pathlib import Path

import pytest
from patching import Herd, make_herd
from tiny import Tiny

pytestmark = [pytest.mark.root, pytest.mark.archive]

BASE = "from: debian:bookworm\nvariants: [container]\npackages: [openssl]\n"
CHILD = "from: h/base@production\nvariants: [container]\npackages: [netbase]\n"
LATER = "from: h/child\nvariants: [container]\n"
SAME = "built the long way: the same, to the last byte"


@pytest.fixture
def herd(tiny: Tiny, tmp_path: Path) -> Herd:
    """An image with an old openssl, in production; one made from that channel, and one from it."""
    recipes = {"base": BASE, "other": BASE}
    made = make_herd(tmp_path / "herd", tiny.state / "archive", recipes)
    made.herdbook.must("promote", "h/base", "production")
    for name, text in (("child", CHILD), ("later", LATER)):
        made.recipe(name).write_text(f"image: h/{name}\n{text}")
    made.herdbook.must("build", made.catalogue)
    return made


def stands_on(herd: Herd, name: str) -> int:
    return int(json.loads(herd.recipe(name).with_suffix(".lock").read_text())["parent"]["number"])


def test_a_child_follows_when_its_channel_has_the_patched_version_and_not_before(
    herd: Herd,
) -> None:
    plan = herd.herdbook.json("campaign", "plan", "openssl")
    assert plan["images"] == {"rebase": 2, "wait": 2}
    told = {each["words"]: each["examples"] for each in plan["reasons"]}
    assert told["waits for h/base@production to get a version with the patch"] == ["h/child"]
    assert herd.herdbook.run("campaign", "start", "openssl", "--json").returncode == 11
    report = herd.report()
    assert set(report["images"]) == {"h/base", "h/other"}
    failed = {each["image"]: each["reason"] for each in report["failed"]}
    assert failed["h/child"] == "waits for h/base@production to get version 2"
    assert "h/child:1 cannot follow" in failed["h/later"]
    assert herd.holders() == {"h/child", "h/later"}
    herd.herdbook.must("promote", "h/base:2", "production")
    herd.herdbook.must("campaign", "resume", "--json")
    report = herd.report()
    assert (report["failed"], herd.holders()) == ([], set())
    assert report["images"]["h/child"]["way"] == "rebase"
    assert report["images"]["h/child"]["checked"].endswith(SAME)
    assert (stands_on(herd, "child"), stands_on(herd, "later")) == (2, 2)
    assert all(each["unchanged"] for each in herd.herdbook.json("build", herd.catalogue)["built"])
