"""What a channel's gates ask for is found out on the real thing, and not having run is no pass."""

import json
import shutil
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from product import Herdbook
from tiny import Tiny, assert_clear, copied_state, until

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
SLOW = """\
tests: [{run: sleep 600, timeout: 20m}]
"""
PASSING = """\
tests:
  - {name: it is there, run: [test, -f, /srv/serve.pl]}
  - {name: it runs as its user, run: 'test "$(id -un)" = web'}
"""
IN_BOTH = """\
image: g/both
from: debian:bookworm
files: [{from: serve.pl, to: /srv/serve.pl}]
user: web
service: {command: [perl, /srv/serve.pl], ports: [8080], health: {http: /}, env: {GREETING: hi}}
tests:
  - {name: it is the service's user, run: 'test "$(id -un) $GREETING" = "web hi"'}
  - name: it has no init
    run: 'read name </proc/1/comm; echo "it is $name"; test "$name" != systemd'
"""
RANDOM = """\
image: g/random
from: g/web
run: ["head -c 8 /dev/urandom > /etc/random"]
variants: [container]
"""
LOOK = """\
cat > "$1"
test "$HERDBOOK_LABEL" = g/web:3
test -f "$HERDBOOK_LAYOUT/index.json"
test -z "${HERDBOOK_KEY_PASSWORD-}${HERDBOOK_STATE-}"
"""


@dataclass(frozen=True)
class House:
    """A state with versions of an image whose content is the same, and whose tests are not."""

    herdbook: Herdbook
    folder: Path

    def build(self, tests: str) -> Any:
        """Build a version with these tests."""
        (self.folder / "web.yaml").write_text(RECIPE + tests)
        return self.herdbook.json("build", self.folder / "web.yaml")

    def rules(self, gates: str) -> None:
        """Have these gates before production."""
        path = self.folder / "channels.yaml"
        path.write_text(f"channels: [{{channel: production, gates: {gates}}}]\n")
        self.herdbook.must("channel", "apply", path)

    def look(self, *more: str) -> str:
        """Return a command that looks at a version, and writes down what it was given."""
        words = [str(self.folder / "look.sh"), str(self.folder / "seen.json"), *more]
        return f"{{name: look, run: [sh, -eu, {', '.join(words)}]}}"

    def refuses(self, status: int, *words: str) -> str:
        """Run a command that must fail, clearly; return what it said."""
        result = self.herdbook.run(*words)
        assert_clear(result, status)
        return result.stderr + result.stdout


@pytest.fixture(scope="module")
def house(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("gates")
    herdbook = copied_state(tiny.state, folder)
    shutil.copy(tiny.recipe.with_suffix(".lock"), folder / "web.lock")
    (folder / "serve.pl").write_text(SERVICE)
    (folder / "look.sh").write_text(LOOK)
    return House(herdbook, folder)


def test_what_was_not_tested_or_did_not_pass_is_not_promoted(house: House) -> None:
    house.build(FAILING)
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


def test_what_passes_is_promoted_and_what_a_killed_test_left_is_removed(house: House) -> None:
    """Other tests make another version of the same digest; commands see what they look at."""
    house.build(SLOW)
    with house.herdbook.running("test", "g/web:2") as program:
        until(lambda: any(each["ready"] for each in house.herdbook.json("ps")), program)
        program.send_signal(signal.SIGKILL)
        program.wait()
    [left] = house.herdbook.json("ps")
    assert left["number"] == 2
    built = house.build(PASSING)
    assert (built["number"], built["digest"]) == (3, left["digest"])
    house.rules(f"{{boots: container, tests: true, commands: [{house.look()}]}}")
    results = house.herdbook.json("test", "g/web")["results"]
    assert [(each["kind"], each["passed"]) for each in results] == [
        *(("boots", True), ("tests", True), ("command", True)),
    ]
    assert house.herdbook.json("ps") == []
    assert json.loads((house.folder / "seen.json").read_text())["version"] == built["digest"]
    shown = house.herdbook.json("show", "g/web")["results"]
    assert {each["kind"] for each in shown} == {"boots", "tests", "command"}
    house.herdbook.must("promote", "g/web", "production")


@pytest.mark.qemu
def test_what_passes_in_the_container_and_not_in_the_machine_has_not_passed(house: House) -> None:
    recipe = house.folder / "both.yaml"
    recipe.write_text(IN_BOTH)
    house.herdbook.must("build", recipe)
    house.rules("{tests: true}")
    said = house.refuses(GATE, "promote", "g/both", "production")
    for variant in ("container", "vm"):
        assert f"tests {variant}: nobody has found that out" in said
    said = house.refuses(GATE, "test", "g/both")
    container, _, machine = said.partition("boots vm: passed")
    assert "tests container: passed" in container
    assert "tests vm: failed" in machine
    assert "it is the service's user: passed" in machine
    assert "it has no init: failed" in machine
    assert "it is systemd" in machine
    said = house.refuses(GATE, "promote", "g/both", "production")
    assert "tests vm failed: it has no init" in said
    assert "tests container" not in said
    assert house.herdbook.json("ps") == []
    recipe.write_text(IN_BOTH.rpartition("  - ")[0] + "variants: [vm]\n")
    house.herdbook.must("build", recipe)
    results = house.herdbook.json("test", "g/both")["results"]
    assert [(each["kind"], each["name"], each["passed"]) for each in results] == [
        *(("boots", "vm", True), ("tests", "vm", True)),
    ]
    house.herdbook.must("promote", "g/both", "production")


def test_a_command_that_was_changed_has_not_run(house: House) -> None:
    house.rules(f"{{commands: [{house.look('more')}]}}")
    said = house.refuses(GATE, "promote", "g/web:1", "production")
    assert "command look: nobody has found that out" in said


def test_it_is_built_again_from_nothing_and_what_differs_is_named(house: House) -> None:
    house.rules("{reproduced: true}")
    said = house.refuses(GATE, "promote", "g/web:2", "production")
    assert "herdbook test g/web:2 --reproduce" in said
    [result] = house.herdbook.json("test", "g/web", "--reproduce")["results"]
    assert [(each["name"], each["passed"]) for each in result["parts"]] == [
        *(("container manifest", True), ("index", True)),
    ]
    (house.folder / "random.yaml").write_text(RANDOM)
    house.herdbook.must("build", house.folder / "random.yaml")
    said = house.refuses(GATE, "test", "g/random", "--reproduce")
    assert "container layer run: failed" in said
    assert "etc/random" in said
    (house.folder / "serve.pl").write_text(SERVICE + "# another\n")
    house.refuses(CONFLICT, "test", "g/web", "--reproduce")


def test_a_licence_that_is_not_taken_counts_again_when_its_exception_is_over(house: House) -> None:
    house.rules("{licences: {deny: CC-BY-*}}")
    assert "CC-BY-3.0 in mawk" in house.refuses(GATE, "promote", "g/web:1", "production")
    house.herdbook.must("propose", "g/web:1", "production", "--why", "to see it")
    made = house.herdbook.json(
        *("exception", "add", "CC-BY-3.0", "--component", "mawk", "--images", "g/*"),
        *("--owner", "ann", "--until", "20s", "--why", "our lawyers look at it"),
    )
    assert "by ann: CC-BY-3.0 in mawk" in house.herdbook.must("proposal", "show", "1")
    house.herdbook.must("promote", "g/web:1", "production")
    until(lambda: datetime.now(UTC) >= datetime.fromisoformat(made["until"]))
    assert "CC-BY-3.0 in mawk" in house.refuses(GATE, "promote", "g/web:2", "production")
    house.refuses(CONFLICT, "exception", "end", "1", "--why", "it is over")
