"""A patch of the real archive is carried through a catalogue, whatever comes in between."""

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from patching import Herd, make_herd
from tiny import RECIPE, Tiny, assert_clear, assert_whole, leftovers, traces, until

pytestmark = [pytest.mark.root, pytest.mark.archive]

CONTAINER = "from: debian:bookworm\nvariants: [container]\npackages: [openssl]\n"
STEP = "openssl version > /etc/version"


def _with_service(recipe: str, number: int) -> str:
    return f"{recipe}service: {{command: [/bin/sleep, '{number}']}}\n"


RECIPES = {
    **{f"same{n}": _with_service(CONTAINER, n) for n in range(5)},
    **{
        f"less{n}": _with_service(CONTAINER.replace("openssl", "openssl, less"), n)
        for n in range(2)
    },
    "step": f"{CONTAINER}run: [sleep 1, '{STEP}']\n",
    "never": f"{CONTAINER}rebase: never\n",
    "parent": f"{CONTAINER}files: [{{from: note.txt, to: /srv/note.txt}}]\n",
    "child": "from: h/parent\nvariants: [container]\npackages: [netbase]\n",
    "late": "from: h/never\nvariants: [container]\n",
}
IMAGES = {f"h/{name}" for name in RECIPES}
BUILT = {"h/step", "h/never"}
"""Those for which nothing but a build will do."""

SAME = "built the long way: the same, to the last byte"


@pytest.fixture(scope="module")
def herd(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Herd:
    """Build a dozen images that hold the oldest openssl there is to be had."""
    return make_herd(
        tmp_path_factory.mktemp("herd"), tiny.state / "archive", RECIPES, {"note.txt": "hello"}
    )


@pytest.fixture(scope="module")
def beginning(herd: Herd) -> Mapping[Path, str]:
    """The catalogue as it was before any campaign."""
    return herd.files()


@pytest.fixture
def fresh(herd: Herd, beginning: Mapping[Path, str], tmp_path: Path) -> Iterator[Herd]:
    """The same images once more, which no campaign has reached yet."""
    herd.put_back(beginning)
    yield herd.copied(tmp_path)
    shutil.rmtree(tmp_path / "state")


@dataclass(frozen=True)
class Carried:
    """A campaign that nobody disturbed: what was planned, what it did, and what was left of it."""

    herd: Herd
    plan: dict[str, Any]
    report: dict[str, Any]
    newest: dict[str, tuple[int, str]]
    files: dict[Path, str]
    planned_then: dict[str, Any]
    built_then: dict[str, Any]


@pytest.fixture(scope="module")
def carried(
    herd: Herd, beginning: Mapping[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Carried:
    """Let all follow, with no installed root to begin with; then build the same recipes."""
    herd.put_back(beginning)
    one = herd.copied(tmp_path_factory.mktemp("carried"))
    for root in (one.herdbook.state / "roots").iterdir():
        shutil.rmtree(root)
    plan = one.herdbook.json("campaign", "plan", "openssl")
    one.herdbook.must("campaign", "start", "openssl", "--json")
    return Carried(
        *(one, plan, one.report(), one.newest(), one.files()),
        one.herdbook.json("catalogue", "plan", one.catalogue),
        one.herdbook.json("build", one.catalogue),
    )


def test_the_plan_counts_the_ways_and_says_why_some_have_to_be_built(carried: Carried) -> None:
    ways = carried.plan["images"]
    assert sum(ways.values()) == len(IMAGES)
    assert ways["rebuild"] == len(BUILT)
    because = {each["words"]: each["examples"] for each in carried.plan["reasons"]}
    assert because["the recipe says `rebase: never`"] == ["h/never"]
    (steps,) = [words for words in because if words.startswith("steps of a recipe ran")]
    assert because[steps] == ["h/step"]
    (offer,) = carried.plan["offers"]
    assert (offer["held"], offer["offered"]) == ([carried.herd.old], carried.herd.new)


def test_all_follow_once_and_old_versions_stay(carried: Carried) -> None:
    assert carried.report["state"] == "done"
    assert carried.report["failed"] == []
    images = carried.report["images"]
    assert {
        name: (each["before"], each["number"]) for name, each in images.items()
    } == dict.fromkeys(IMAGES, (1, 2))
    assert {name for name, each in images.items() if each["way"] == "rebuild"} == BUILT
    order = list(images)
    assert order.index("h/child") > order.index("h/parent")
    assert order.index("h/late") > order.index("h/never")
    shown = carried.herd.herdbook.json("why", "h/same0:1", "libssl3")
    assert carried.herd.old in json.dumps(shown)


def test_rebased_images_are_those_of_the_long_way(carried: Carried) -> None:
    rebased = [each for each in carried.report["images"].values() if each["way"] == "rebase"]
    assert len(rebased) >= len(IMAGES) - len(BUILT) - 1
    assert {each["checked"].partition(" ")[2] for each in rebased} == {SAME}
    assert all(each["layers"] for each in rebased)


def test_built_images_have_the_reason_in_words(carried: Carried) -> None:
    said = {
        name: [each["words"] for each in carried.report["images"][name]["findings"]]
        for name in BUILT
    }
    assert said["h/never"] == ["the recipe says `rebase: never`"]
    assert "steps of a recipe ran" in said["h/step"][0]


def test_children_stand_on_the_new_version_of_the_image_below(carried: Carried) -> None:
    for child, parent in (("child", "h/parent"), ("late", "h/never")):
        lock = json.loads(carried.files[carried.herd.recipe(child).with_suffix(".lock")])
        number, digest = carried.newest[parent]
        assert lock["parent"] == {"image": parent, "number": number, "digest": digest}


def test_recipes_have_nothing_left_to_build(carried: Carried) -> None:
    assert carried.planned_then["images"] == {"up to date": len(IMAGES), "changed": 0, "new": 0}
    assert all(each["unchanged"] for each in carried.built_then["built"])
    assert {each["number"] for each in carried.built_then["built"]} == {2}
    for path, text in carried.files.items():
        assert carried.herd.old not in text, path


def test_no_newest_version_holds_what_is_older(carried: Carried) -> None:
    assert carried.herd.holders() == set()
    bill = carried.herd.herdbook.must("sbom", "h/less0")
    assert f"libssl3@{carried.herd.new}" in bill
    assert carried.herd.old not in bill
    assert carried.herd.old in carried.herd.herdbook.must("sbom", "h/less0:1")


def test_a_second_campaign_has_nothing_to_do(carried: Carried) -> None:
    result = carried.herd.herdbook.run("campaign", "start", "openssl")
    assert_clear(result, 10, "nothing to do", "openssl")
    assert len(carried.herd.herdbook.json("campaign", "ls")) == 1


def test_no_more_is_done_where_it_was_done_already(carried: Carried) -> None:
    result = carried.herd.herdbook.run("campaign", "resume", "1")
    assert_clear(result, 10, "done, and nothing failed")


# --- it is killed


def test_killed_at_any_moment_it_comes_to_the_same_end(
    herd: Herd, carried: Carried, beginning: Mapping[Path, str], tmp_path: Path
) -> None:
    """Whoever is killed, nothing is built twice, and the next one goes on."""
    moments = random.Random(1)  # noqa: S311 - the same in every run
    left = 200 if os.environ.get("HERDBOOK_CRASHES") == "long" else 10
    while left > 0:
        herd.put_back(beginning)
        one = herd.copied(tmp_path / str(left))
        left -= _killed_until_done(one, moments, left)
        _assert_the_same_end(one, carried)
        shutil.rmtree(tmp_path / str(left), ignore_errors=True)


def _killed_until_done(one: Herd, moments: random.Random, most: int) -> int:
    """Start it and kill it, again and again, until it gets through; return how often that was."""
    for kills in range(most + 1):
        with one.running("campaign", "start", "openssl") as program:
            try:
                said = program.communicate(timeout=moments.uniform(0.3, 8) if kills < most else 600)
            except subprocess.TimeoutExpired:
                program.send_signal(signal.SIGKILL)
                program.wait()
                assert_whole(one.herdbook.state)
            else:
                assert program.returncode in (0, 10), said  # 10: it was killed after all was done
                return max(kills, 1)
    raise AssertionError("it never gets through")


def _assert_the_same_end(one: Herd, carried: Carried) -> None:
    until(lambda: not traces(one.herdbook.state))
    assert one.newest() == carried.newest
    report = one.report()
    assert report["state"] == "done"
    assert report["images"].keys() == IMAGES
    assert {name: each["way"] for name, each in report["images"].items()} == {
        name: each["way"] for name, each in carried.report["images"].items()
    }
    assert one.files() == carried.files
    assert len(one.herdbook.json("campaign", "ls")) == 1
    assert leftovers(one.herdbook.state) == []
    assert_whole(one.herdbook.state)


# --- it is paused, ended, and kept waiting


def _number_of(one: Herd, image: str) -> int:
    return one.newest()[image][0]


def test_paused_it_stops_between_images_and_resumed_it_goes_on(
    fresh: Herd, carried: Carried
) -> None:
    with fresh.running("campaign", "start", "openssl", "--verify", "none") as program:
        until(lambda: _number_of(fresh, "h/same0") == 2, program)
        fresh.herdbook.must("campaign", "pause")
        said = program.communicate(timeout=60)
    assert program.returncode == 0, said
    shown = fresh.herdbook.json("campaign", "show")
    assert (shown["state"], shown["worked_at"]) == ("paused", False)
    followed = {image for image, (number, _) in fresh.newest().items() if number == 2}
    assert IMAGES > followed >= {"h/same0", "h/less0"}
    assert shown["left"] == len(IMAGES - followed)
    assert leftovers(fresh.herdbook.state) == []
    fresh.herdbook.must("campaign", "resume", "--json")
    _assert_the_same_end(fresh, carried)


def test_aborted_it_is_over_and_another_one_does_the_rest(fresh: Herd, carried: Carried) -> None:
    with fresh.running("campaign", "start", "openssl", "--verify", "none") as program:
        until(lambda: _number_of(fresh, "h/same0") == 2, program)
        fresh.herdbook.must("campaign", "abort")
        said = program.communicate(timeout=60)
    assert program.returncode == 0, said
    assert fresh.herdbook.json("campaign", "show")["state"] == "aborted"
    assert_clear(fresh.herdbook.run("campaign", "resume"), 10, "aborted")
    done = set(fresh.report()["images"])
    assert IMAGES > done >= {"h/same0", "h/less0"}
    fresh.herdbook.must("campaign", "start", "openssl", "--json")
    assert set(fresh.report(2)["images"]) == IMAGES - done
    assert fresh.newest() == carried.newest
    assert fresh.files() == carried.files


def test_what_cannot_follow_is_told_with_its_next_step_and_others_follow(
    fresh: Herd, carried: Carried
) -> None:
    never, step = fresh.recipe("never"), fresh.recipe("step")
    texts = {path: path.read_text() for path in (never, step)}
    never.write_text(_with_service(texts[never], 9))
    step.unlink()
    result = fresh.herdbook.run("campaign", "start", "openssl", "--verify", "none", "--json")
    assert result.returncode == 11, result.stderr
    report = fresh.report()
    failed = {each["image"]: (each["number"], each["reason"]) for each in report["failed"]}
    assert failed.keys() == {"h/never", "h/step", "h/late"}
    assert {number for number, _ in failed.values()} == {1}
    assert f"herdbook build {never}" in failed["h/never"][1]
    assert "changed since version 1" in failed["h/never"][1]
    assert str(step) in failed["h/step"][1]
    assert "h/never, which it is made from, could not follow" in failed["h/late"][1]
    assert set(report["images"]) == IMAGES - failed.keys()
    assert fresh.holders() == failed.keys()
    for path, text in texts.items():
        path.write_text(text)
    fresh.herdbook.must("campaign", "resume", "--json")
    _assert_the_same_end(fresh, carried)


def test_it_waits_for_whoever_builds_and_others_watch_it(
    fresh: Herd, carried: Carried, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(RECIPE.replace("t/tiny", "t/slow") + "run: [sleep 8]\n")
    fresh.herdbook.must("lock", slow)
    one = fresh.herdbook.json
    with fresh.running("build", slow) as build:
        until(lambda: any(fresh.herdbook.state.glob("staging/*")), build)
        with (
            fresh.running("campaign", "start", "openssl", "--verify", "none") as first,
            fresh.running("campaign", "start", "openssl", "--verify", "none") as second,
        ):
            until(lambda: [each for each in one("campaign", "ls") if each["state"] == "running"])
            assert build.poll() is None, "the build was too quick"
            assert {number for number, _ in fresh.newest().values()} == {1}
            ends = [each.communicate(timeout=120) for each in (build, first, second)]
    assert [each.returncode for each in (build, first, second)] == [0, 0, 0], ends
    said = [errors for _, errors in ends[1:]]
    assert len([each for each in said if "Waiting: others build first: t/slow" in each]) == 1, said
    assert len([each for each in said if "Another process works at campaign 1" in each]) == 1, said
    newest = fresh.newest()
    assert newest.pop("t/slow")[0] == 1
    assert newest == carried.newest
    assert fresh.files() == carried.files
