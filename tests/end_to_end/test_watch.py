"""What the real archive has newer than an image holds is seen, until the image holds it too."""

import json
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from older_locks import with_older
from product import PROGRAM, Herdbook, herdbook_with
from tiny import RECIPE, Tiny

pytestmark = [pytest.mark.root, pytest.mark.archive]


@dataclass(frozen=True)
class Outdated:
    """An image that holds an older openssl than the archive has."""

    herdbook: Herdbook
    recipe: Path
    old: str
    new: str

    def sightings(self, *options: str) -> list[Any]:
        """What of openssl is newer in the archive."""
        found = self.herdbook.json("watch", *options)["sightings"]
        return [each for each in found if each["source"] == "openssl"]


@pytest.fixture(scope="module")
def outdated(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Outdated:
    folder = tmp_path_factory.mktemp("outdated")
    herdbook = herdbook_with(tiny.state / "archive", folder / "state")
    recipe = folder / "tiny.yaml"
    recipe.write_text(f"{RECIPE}packages: [openssl]\n")
    herdbook.must("lock", recipe)
    versions = with_older(recipe.with_suffix(".lock"), herdbook.state, "openssl", "bookworm")
    herdbook.must("build", recipe)
    return Outdated(herdbook, recipe, *versions)


def test_what_is_newer_in_the_archive_is_seen_with_what_it_fixes(
    outdated: Outdated, tmp_path: Path
) -> None:
    (found,) = outdated.sightings()
    assert (found["held"], found["available"]) == ([outdated.old], outdated.new)
    assert (found["suite"], found["images"], found["fixes_known"]) == ("bookworm", 1, False)
    assert {each["name"] for each in found["packages"]} == {"libssl3", "openssl"}

    fixed = {"releases": {"bookworm": {"status": "resolved", "fixed_version": outdated.new}}}
    tracker = tmp_path / "tracker.json"
    tracker.write_text(json.dumps({"openssl": {"CVE-2026-12345": fixed}}))
    outdated.herdbook.must("advisories", "import", tracker)
    (found,) = outdated.sightings()
    assert [each["name"] for each in found["fixes"]] == ["CVE-2026-12345"]
    assert found["fixes_known"]
    in_security = found["pocket"] == "bookworm-security"
    assert outdated.sightings("--pocket", "security") == ([found] if in_security else [])
    assert "herdbook campaign plan " in outdated.herdbook.must("watch")


def test_looking_goes_on_until_it_is_interrupted(outdated: Outdated) -> None:
    with subprocess.Popen(
        [PROGRAM, "watch", "--every", "1d", "--json"],
        env=outdated.herdbook.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        try:
            document = json.loads(program.stdout.readline())
            assert "openssl" in [each["source"] for each in document["sightings"]]
            assert program.poll() is None
            program.send_signal(signal.SIGINT)
            assert program.wait(30) == 130
            assert program.stdout.read() == ""
        finally:
            program.kill()


def test_an_archive_that_cannot_be_reached_is_told(outdated: Outdated) -> None:
    nowhere = {"HERDBOOK_MIRROR": "http://127.0.0.1:1/", "HERDBOOK_SECURITY_MIRROR": ""}
    nowhere["HERDBOOK_SECURITY_MIRROR"] = nowhere["HERDBOOK_MIRROR"]
    result = Herdbook(outdated.herdbook.state, settings=nowhere).run("watch", "--json")
    assert (result.returncode, result.stdout) == (7, "")
    assert json.loads(result.stderr)["error"]["code"] == "network"


def test_what_the_newest_version_holds_is_not_seen_any_more(outdated: Outdated) -> None:
    outdated.herdbook.must("lock", outdated.recipe)
    outdated.herdbook.must("build", outdated.recipe)
    assert outdated.herdbook.json("watch")["sightings"] == []
