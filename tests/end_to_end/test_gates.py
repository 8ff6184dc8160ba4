"""What a channel's gates ask for is found out on the real thing, and not having run is no pass."""

import json
import shutil
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook, tool
from tiny import Tiny, assert_clear, until

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.podman]

GATE, CONFLICT = 15, 10
RECIPE = """\
image: g/web
from: debian:bookworm
files: [{from: serve.pl, to: /srv/serve.pl}]
user: web
service: {command: [perl, /srv/serve.pl], ports: [8080], health: {http: /}}
variants: [container]
"""
SERVICE = r"""
use Socket;
$SIG{TERM} = sub { exit 0 };
socket(my $door, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($door, SOL_SOCKET, SO_REUSEADDR, 1);
bind($door, sockaddr_in(8080, INADDR_ANY)) or die $!;
listen($door, 16);
while (1) {
    accept(my $client, $door) or next;
    sysread($client, my $request, 4096);
    syswrite($client, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    close $client;
}
"""
FAILING = """\
tests:
  - {name: it is there, run: [test, -f, /srv/serve.pl]}
  - {name: it is a folder, run: "echo it is a file; test -d /srv/serve.pl"}
"""
PASSING = """\
tests:
  - {name: it is there, run: [test, -f, /srv/serve.pl]}
  - {name: it runs as its user, run: 'test "$(id -un)" = web'}
"""
SLOW = """\
tests: [{run: sleep 600, timeout: 20m}]
"""


@dataclass(frozen=True)
class House:
    """A state with versions whose content is the same, and whose tests are not."""

    herdbook: Herdbook
    folder: Path

    def build(self, tests: str, image: str = "g/web") -> Any:
        """Build a version with these tests."""
        recipe = self.folder / f"{image.replace('/', '-')}.yaml"
        recipe.write_text(RECIPE.replace("g/web", image) + tests)
        shutil.copy(self.folder / "tiny.lock", recipe.with_suffix(".lock"))
        return self.herdbook.json("build", recipe)

    def rules(self, gates: str) -> None:
        """Have these gates before production."""
        path = self.folder / "channels.yaml"
        path.write_text(f"channels: [{{channel: production, gates: {gates}}}]\n")
        self.herdbook.must("channel", "apply", path)

    def answer_for(self, component: str, until: str) -> Any:
        """Have ann answer for a licence."""
        return self.herdbook.json(
            *("exception", "add", "CC-BY-3.0", "--component", component, "--images", "g/*"),
            *("--owner", "ann", "--until", until, "--why", "our lawyers look at it"),
        )

    def refuses(self, status: int, *words: str) -> str:
        """Run a command that must fail, clearly; return what it said."""
        result = self.herdbook.run(*words)
        assert_clear(result, status)
        return result.stderr + result.stdout


@pytest.fixture(scope="module")
def house(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("gates")
    state, copy = tiny.state, folder / "state"
    copy.mkdir()
    tool("cp", "-al", state / "archive", state / "blobs", copy)
    rest = (each for each in state.iterdir() if each.name not in {"archive", "blobs"})
    tool("cp", "-a", *rest, copy)
    shutil.copy(tiny.recipe.with_suffix(".lock"), folder / "tiny.lock")
    (folder / "serve.pl").write_text(SERVICE)
    made = House(Herdbook(copy), folder)
    made.build(FAILING)
    return made


def test_what_was_not_tested_or_did_not_pass_is_not_promoted(house: House) -> None:
    house.rules("{boots: container, tests: true}")
    said = house.refuses(GATE, "promote", "g/web", "production")
    assert "boots container: nobody has found that out" in said
    assert "herdbook test g/web:1" in said
    said = house.refuses(GATE, "test", "g/web")
    assert "boots container: passed" in said
    assert "it is there: passed" in said
    assert "it is a folder: failed" in said
    assert "it is a file" in said
    said = house.refuses(GATE, "promote", "g/web", "production")
    assert "tests container failed: it is a folder" in said
    assert "boots" not in said
    shown = house.herdbook.json("show", "g/web:1")["results"]
    assert {each["kind"]: each["passed"] for each in shown} == {"boots": True, "tests": False}


def test_other_tests_make_a_version_of_the_same_digest_that_may_pass(house: House) -> None:
    built = house.build(PASSING)
    before = house.herdbook.json("show", "g/web:1")
    assert (built["number"], built["digest"]) == (2, before["digest"])
    house.rules("{boots: container, tests: true}")
    assert "nobody has found that out" in house.refuses(GATE, "promote", "g/web", "production")
    results = house.herdbook.json("test", "g/web:2")["results"]
    assert [(each["kind"], each["passed"]) for each in results] == [
        ("boots", True),
        ("tests", True),
    ]
    assert house.herdbook.json("ps") == []
    house.herdbook.must("promote", "g/web:2", "production")
    assert "tests container passed" in house.herdbook.must("show", "g/web:2")


def test_what_a_killed_test_left_is_removed_by_the_next_one(house: House) -> None:
    house.build(SLOW, "g/slow")
    house.build("", "g/quick")
    with house.herdbook.running("test", "g/slow") as program:
        until(lambda: _is_tested_inside(house), program)
        program.send_signal(signal.SIGKILL)
        program.wait()
    [left] = house.herdbook.json("ps")
    assert left["image"] == "g/slow"
    house.herdbook.must("test", "g/quick")
    assert house.herdbook.json("ps") == []
    assert house.herdbook.json("show", "g/slow")["results"] == []


def _is_tested_inside(house: House) -> bool:
    return any(each["ready"] for each in house.herdbook.json("ps"))


def test_it_is_built_again_from_nothing_and_is_the_same(house: House) -> None:
    house.rules("{reproduced: true}")
    house.build("", "g/again")
    said = house.refuses(GATE, "promote", "g/again", "production")
    assert "herdbook test g/again:1 --reproduce" in said
    [result] = house.herdbook.json("test", "g/again", "--reproduce")["results"]
    assert [each["name"] for each in result["parts"]] == ["container manifest", "index"]
    house.herdbook.must("promote", "g/again", "production")
    (house.folder / "serve.pl").write_text(SERVICE + "# another\n")
    try:
        house.refuses(CONFLICT, "test", "g/again", "--reproduce")
    finally:
        (house.folder / "serve.pl").write_text(SERVICE)


def test_a_licence_that_is_not_taken_counts_again_when_its_exception_is_over(house: House) -> None:
    house.rules("{licences: {deny: CC-BY-*}}")
    assert "CC-BY-3.0 in mawk" in house.refuses(GATE, "promote", "g/web:1", "production")
    made = house.answer_for("mawk", "12s")
    house.herdbook.must("promote", "g/web:1", "production")
    until(lambda: datetime.now(UTC) >= datetime.fromisoformat(made["until"]))
    assert house.herdbook.json("exception", "ls") == []
    assert "CC-BY-3.0 in mawk" in house.refuses(GATE, "promote", "g/web:2", "production")


def test_an_exception_is_shown_with_its_owner_and_counts_until_it_is_ended(house: House) -> None:
    house.rules("{licences: {deny: CC-BY-*}}")
    made = house.answer_for("", "90d")
    proposal = house.herdbook.json("propose", "g/slow", "production", "--why", "to see it")
    shown = house.herdbook.must("proposal", "show", str(proposal["number"]))
    assert "by ann: CC-BY-3.0 in mawk" in shown
    house.herdbook.must("exception", "end", str(made["number"]), "--why", "no more")
    shown = house.herdbook.must("proposal", "show", str(proposal["number"]))
    assert "licence not to be used here: CC-BY-3.0 in mawk" in shown
    house.refuses(CONFLICT, "exception", "end", str(made["number"]), "--why", "no more")


def test_a_command_of_ones_own_is_given_what_is_known_and_counts_as_it_was_written(
    house: House,
) -> None:
    script = house.folder / "look.sh"
    script.write_text(
        'cat > "$1"; test "$HERDBOOK_LABEL" = g/quick:1; test -f "$HERDBOOK_LAYOUT/index.json"\n'
        'test -z "${HERDBOOK_KEY_PASSWORD-}${HERDBOOK_STATE-}"\n'
    )
    seen = house.folder / "seen.json"
    gate = f"{{commands: [{{name: look, run: [sh, -eu, {script}, {seen}%s]}}]}}"
    house.rules(gate % "")
    assert "herdbook test g/quick:1" in house.refuses(GATE, "promote", "g/quick", "production")
    house.herdbook.must("test", "g/quick")
    assert (
        json.loads(seen.read_text())["version"] == house.herdbook.json("show", "g/quick")["digest"]
    )
    house.herdbook.must("promote", "g/quick", "production")
    house.rules(gate % ", more")
    house.build(PASSING, "g/quick")
    said = house.refuses(GATE, "test", "g/quick")  # it expects the first one
    assert "command look: failed" in said
    assert "ended with status 1" in said
    said = house.refuses(GATE, "promote", "g/quick:2", "production")
    assert "command look failed: look" in said
