"""What is proposed is sent along, rebuilt once it is approved, and only that is promoted."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook, tool
from tiny import Tiny, assert_clear, copied_state

pytestmark = [pytest.mark.root, pytest.mark.archive]

GATE, CONFLICT, VERIFICATION, NOT_FOUND = 15, 10, 5, 4
RULES = """\
channels:
  - channel: production
    approvals: {count: 1}
    rebuilt: true
"""
RECIPE = """\
image: c/word
from: debian:bookworm
files: [{from: words/, to: /srv/words}]
variants: [container]
"""
UNALIKE = "run: ['cat /proc/sys/kernel/random/uuid >/srv/number']\n"
WAIT_SECONDS = 120


@dataclass(frozen=True)
class Office:
    """A state in which production gets only what was rebuilt, and a developer's folder."""

    herdbook: Herdbook
    folder: Path

    @property
    def recipe(self) -> Path:
        return self.folder / "word.yaml"

    def by(self, who: str) -> Herdbook:
        return replace(self.herdbook, settings={"SUDO_USER": who})

    def write(self, word: str, more: str = "") -> None:
        (self.folder / "words").mkdir(exist_ok=True)
        (self.folder / "words" / "word").write_text(f"{word}\n")
        self.recipe.write_text(RECIPE + more)

    def proposed(self, word: str, more: str = "") -> dict[str, Any]:
        """What the developer has changed, built and proposed."""
        self.write(word, more)
        made = self.by("anna").json("propose", self.recipe, "production", "--why", word)
        return dict(made)

    def shown(self, number: int) -> dict[str, Any]:
        return dict(self.herdbook.json("proposal", "show", str(number)))


@pytest.fixture
def office(tiny: Tiny, tmp_path: Path) -> Office:
    folder = tmp_path / "developer"
    folder.mkdir()
    shutil.copy(tiny.recipe.with_suffix(".lock"), folder / "word.lock")
    office = Office(copied_state(tiny.state, tmp_path), folder)
    (tmp_path / "channels.yaml").write_text(RULES)
    office.herdbook.must("channel", "apply", tmp_path / "channels.yaml")
    return office


@pytest.fixture
def served(office: Office) -> Iterator[Office]:
    with office.herdbook.running("serve"):
        yield office
    office.herdbook.run("serve", "--stop")


def test_what_is_approved_is_rebuilt_from_what_it_was_sent_with_and_that_alone_is_promoted(
    office: Office, tmp_path: Path
) -> None:
    """Whatever has become of the developer's folder meanwhile; and what runs is that word."""
    made = office.proposed("hello")
    assert (made["version"], made["rebuilt"]) == (1, None)
    assert made["sources"]
    shutil.rmtree(office.folder)
    assert_clear(office.herdbook.run("proposal", "rebuild", "1"), GATE, "1 more has to approve it")
    said = office.by("bert").must("proposal", "comment", "1", "a friendly word")
    assert said == "said of proposal 1\n"
    bert = office.by("bert").run("approve", "1", "--say", "I read it")
    assert "herdbook proposal rebuild 1" in bert.stderr
    refused = office.herdbook.run("promote", "c/word:1", "production")
    assert_clear(refused, GATE, "was not rebuilt here", "herdbook proposal rebuild 1")

    rebuilt = office.herdbook.json("proposal", "rebuild", "1")
    assert (rebuilt["rebuilt"], rebuilt["identical"]) == (2, True)
    assert rebuilt["rebuilt_digest"] == made["digest"]
    assert_clear(office.herdbook.run("proposal", "rebuild", "1"), CONFLICT, "rebuilt already")
    refused = office.herdbook.run("promote", "c/word:1", "production")
    assert_clear(refused, GATE, "herdbook promote c/word:2 production")
    shown = office.herdbook.must("proposal", "show", "1")
    for line in ("rebuilt of c/word:1, bit by bit", "a friendly word", "I read it", "approved"):
        assert line in shown
    assert office.herdbook.json("promote", "c/word:2", "production")["version"] == 2
    (over,) = office.herdbook.json("proposal", "ls", "--all")
    assert (over["state"], over["rebuilt"]) == ("promoted", 2)

    written = Path(office.herdbook.must("proposal", "sources", "1", tmp_path / "read").strip())
    assert (written.parent / "words" / "word").read_text() == "hello\n"
    built = office.herdbook.must("build", written)
    assert "c/word:2 is up to date" in built or "unchanged" in built
    verbs = [each["verb"] for each in office.herdbook.json("audit", "ls")]
    for verb in ("propose", "comment", "approve", "rebuild", "promote"):
        assert verb in verbs
    office.herdbook.must("audit", "verify")


def test_what_does_not_come_out_the_same_has_to_be_approved_again(office: Office) -> None:
    office.proposed("once", UNALIKE)
    office.by("bert").must("approve", "1")
    assert not office.herdbook.json("proposal", "rebuild", "1")["identical"]
    refused = office.herdbook.run("promote", "c/word:2", "production")
    assert_clear(refused, GATE, "1 more has to approve proposal 1")
    shown = office.herdbook.must("proposal", "show", "1")
    assert "NOT what was proposed" in shown
    assert "void: what it rested on has changed" in shown
    office.by("bert").must("approve", "1")
    office.herdbook.must("promote", "c/word:2", "production")


def test_what_was_packed_elsewhere_is_built_here_and_the_same(
    office: Office, tiny: Tiny, tmp_path: Path
) -> None:
    """Nothing but its sources comes along; a file that is no bundle is refused."""
    elsewhere = Herdbook(tmp_path / "elsewhere")
    elsewhere.state.mkdir()
    tool("cp", "-al", tiny.state / "archive", elsewhere.state)
    office.write("hello")
    built = elsewhere.json("build", office.recipe)
    file = tmp_path / "word.bundle"
    elsewhere.must("proposal", "pack", "c/word:1", file)
    shutil.rmtree(office.folder)
    made = office.by("anna").run("propose", file, "production", "--why", "x", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["digest"] == built["digest"]
    file.write_bytes(file.read_bytes()[:3000])
    assert_clear(office.herdbook.run("propose", file, "dev", "--why", "x"), VERIFICATION, "bundle")
    absent = office.herdbook.run("propose", "none.bundle", "dev", "--why", "x")
    assert_clear(absent, NOT_FOUND, "There is no file none.bundle")


def test_everybody_sees_what_would_change(office: Office) -> None:
    office.proposed("hello")
    office.by("bert").must("approve", "1")
    office.herdbook.must("proposal", "rebuild", "1")
    office.herdbook.must("promote", "c/word:2", "production")
    office.proposed("hello world", "service: {command: [sleep, '9'], env: {LOUD: 'yes'}}\n")
    shown = office.herdbook.must("proposal", "show", "2")
    for words in (
        "c/word:2 -> c/word:3",
        "+service: {command: [sleep, '9'], env: {LOUD: 'yes'}}",
        "environment LOUD",
        "/srv/words/word",
        "rebuilt from its sources, once it is approved",
    ):
        assert words in shown
    assert "Traceback" not in shown
    differences = office.shown(2)["differences"]
    assert differences["after"]["number"] == 3
    assert not differences["same"]


def test_a_server_rebuilds_what_is_approved_by_itself(served: Office) -> None:
    served.proposed("hello")
    served.by("bert").must("approve", "1")
    deadline = time.monotonic() + WAIT_SECONDS
    while not served.shown(1)["rebuilt"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert served.herdbook.json("promote", "c/word:2", "production")["version"] == 2


def test_sources_that_were_changed_are_not_built(office: Office) -> None:
    made = office.proposed("hello")
    office.by("bert").must("approve", "1")
    folder = office.herdbook.state / "sources" / made["sources"].partition(":")[2]
    bundle = folder / "bundle.tar"
    bundle.write_bytes(bundle.read_bytes().replace(b"hello", b"Hello"))
    refused = office.herdbook.run("proposal", "rebuild", "1")
    assert_clear(refused, VERIFICATION, "is not what was sent with the proposal")


def test_what_was_changed_since_it_was_built_or_names_what_no_index_lists_is_not_taken(
    office: Office,
) -> None:
    office.write("hello")
    office.herdbook.must("build", office.recipe)
    office.write("changed")
    refused = office.herdbook.run("propose", "c/word:1", "production", "--why", "x")
    assert_clear(refused, CONFLICT, "have changed since version 1")
    assert office.herdbook.json("proposal", "ls") == []
