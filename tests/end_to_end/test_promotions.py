"""What a channel means is what is made, released and run, and a revoked version is none of it."""

import itertools
import json
import shutil
import signal
import sqlite3
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from applications import TinyApplication, tiny_application, wait_for
from commands import run
from product import Herdbook, tool
from tiny import Tiny, assert_clear, copied_state, leftovers

pytestmark = [pytest.mark.root, pytest.mark.archive]

GATE, REVOKED, VERIFICATION, CONFLICT = 15, 16, 5, 10

RULES = "channels: [{images: c/*, channel: production, from: staging, follow_back: staging}]\n"
BASE = """\
image: c/base
from: debian:bookworm
files: [{from: word, to: /etc/word}]
variants: [container]
"""
CHILD = """\
image: c/web
from: c/base@production
files: [{from: serve.pl, to: /srv/serve.pl}]
service: {command: [perl, /srv/serve.pl], ports: [8080]}
variants: [container]
"""
SERVICE = r"""
use Socket;
open(my $file, '<', '/etc/word') or die $!;
my $word = <$file>;
$SIG{TERM} = sub { exit 0 };
socket(my $door, PF_INET, SOCK_STREAM, 0) or die $!;
setsockopt($door, SOL_SOCKET, SO_REUSEADDR, 1);
bind($door, sockaddr_in(8080, INADDR_ANY)) or die $!;
listen($door, 16);
while (1) {
    accept(my $client, $door) or next;
    sysread($client, my $request, 4096);
    my $size = length $word;
    syswrite($client, "HTTP/1.0 200 OK\r\nContent-Length: $size\r\n\r\n$word");
    close $client;
}
"""


@dataclass(frozen=True)
class House:
    """A state with two versions of a base, and two of its child: each on one of the base's."""

    herdbook: Herdbook
    folder: Path

    def copied(self, folder: Path) -> "House":
        """The same in a state of its own, in which nothing is built: it has no roots."""
        state, copy = self.herdbook.state, folder / "state"
        copy.mkdir()
        linked = [state / "archive", state / "blobs"]
        tool("cp", "-al", *linked, copy)  # what they hold is replaced, never written to
        left = (each for each in state.iterdir() if each not in {*linked, state / "roots"})
        tool("cp", "-a", *left, copy)
        return House(Herdbook(copy), self.folder)

    def alone(self, folder: Path) -> "House":
        """The register as it was once all was built, which is all that most commands read."""
        state = Path(shutil.copytree(self.register, folder / "state"))
        tool("cp", "-al", self.herdbook.state / "blobs", state)  # nobody changes them
        return House(Herdbook(state), self.folder)

    @property
    def register(self) -> Path:
        return self.folder / "register"

    def keep_register(self) -> None:
        """Keep it for those who begin with it, whatever becomes of this state."""
        self.register.mkdir()
        for name in ("herdbook.db", "audit.key"):
            shutil.copy(self.herdbook.state / name, self.register)
        shutil.copytree(self.herdbook.state / "keys", self.register / "keys")

    def by(self, who: str) -> "House":
        """The same for somebody who gives commands through sudo."""
        return replace(self, herdbook=replace(self.herdbook, settings={"SUDO_USER": who}))

    def must(self, *words: str | Path) -> str:
        return self.herdbook.must(*words)

    def refuses(self, status: int, *words: str | Path) -> str:
        """Run a command that must fail, clearly; return what it said."""
        result = self.herdbook.run(*words)
        assert_clear(result, status)
        return result.stderr

    def channel(self, name: str) -> dict[str, Any]:
        """What `channel ls` shows of IMAGE@CHANNEL."""
        image, _, channel = name.partition("@")
        listed = self.herdbook.json("channel", "ls", image)
        return next(each for each in listed if each["channel"] == channel)

    def means(self) -> dict[str, int]:
        """The number of the version that each IMAGE@CHANNEL means now."""
        return {
            f"{each['image']}@{each['channel']}": each["now"]["version"]
            for each in self.herdbook.json("channel", "ls")
        }

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Do something to the database behind Herdbook's back; return what the last one found."""
        with closing(sqlite3.connect(self.herdbook.state / "herdbook.db")) as database, database:
            return [database.execute(each).fetchall() for each in statements][-1]


@pytest.fixture(scope="module")
def built(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Build it once, on what the smallest image has left: each version takes seconds."""
    folder = tmp_path_factory.mktemp("channels")
    house = House(copied_state(tiny.state, folder), folder)
    (folder / "base.yaml").write_text(BASE)
    shutil.copy(tiny.recipe.with_suffix(".lock"), folder / "base.lock")
    (folder / "web.yaml").write_text(CHILD)
    (folder / "serve.pl").write_text(SERVICE)
    for number in (1, 2):
        (folder / "word").write_text(f"v{number}\n")
        house.must("build", folder / "base.yaml")
    for number in (1, 2):
        house.must("promote", f"c/base:{number}", "production")
        house.must("lock", folder / "web.yaml")
        house.must("build", folder / "web.yaml")
        shutil.copy(folder / "web.lock", folder / f"web-{number}.lock")
    house.must("promote", "c/web:1", "production")
    house.keep_register()
    return house


@pytest.fixture
def house(built: House, tmp_path: Path) -> House:
    """The register for one test alone: c/base@production is 2, c/web@production 1."""
    return built.alone(tmp_path)


# --- what a channel means


def test_a_child_is_locked_to_the_version_that_its_bases_channel_means(built: House) -> None:
    """And not to the newest one, which was there when the first lock was made."""
    locks = [json.loads((built.folder / f"web-{each}.lock").read_text()) for each in (1, 2)]
    assert [(each["parent"]["image"], each["parent"]["number"]) for each in locks] == [
        ("c/base", 1),
        ("c/base", 2),
    ]


def test_a_version_comes_to_production_by_staging_which_follows_back(
    house: House, tmp_path: Path
) -> None:
    rules = tmp_path / "channels.yaml"
    rules.write_text(RULES)
    house.must("channel", "apply", rules)
    said = house.refuses(GATE, "promote", "c/web:2", "production")
    assert "c/web:2 has never been in staging" in said
    assert "herdbook promote c/web:2 staging" in said
    for version, channel in ((1, "staging"), (2, "staging"), (2, "production")):
        house.must("promote", f"c/web:{version}", channel)
    back = house.herdbook.json("promote", "c/web:1", "production", "--why", "slower")
    assert (back["before"], [each["channel"] for each in back["followed"]]) == (2, ["staging"])
    history = house.herdbook.json("channel", "history", "c/web@staging")
    assert [(each["version"], each["way"]) for each in history] == [
        (1, "followed"),
        (2, "promoted"),
        (1, "promoted"),
    ]
    promoted, follows = house.herdbook.json("audit", "ls", "--newest", "2")
    assert (promoted["verb"], promoted["subject"]) == ("promote", "c/web@production")
    assert promoted["details"]["why"] == "slower"
    assert (follows["verb"], follows["subject"]) == ("follow", "c/web@staging")


def test_a_held_channel_stays_until_it_is_let_go(house: House) -> None:
    house.must("hold", "c/base@production", "--why", "we look into it")
    said = house.refuses(GATE, "promote", "c/base:1", "production")
    assert "we look into it" in said
    house.must("release-hold", "c/base@production")
    moved = house.herdbook.json("promote", "c/base:1", "production")
    assert (moved["before"], moved["version"]) == (2, 1)


def test_neither_what_a_channel_got_last_nor_what_it_means_instead_can_be_forgotten(
    house: House,
) -> None:
    house.must("promote", "c/web:2", "production")
    house.must("revoke", "c/web:2", "--reason", "bad")
    for number in (1, 2):
        said = house.refuses(CONFLICT, "store", "forget", f"c/web:{number}")
        assert "production means it" in said
    cleaned = house.herdbook.json("store", "clean", "--keep", "1", "--dry-run")
    assert cleaned["forgotten"] == []


# --- what others have to approve


def test_a_version_is_promoted_once_two_others_have_approved_what_it_replaces(
    house: House, tmp_path: Path
) -> None:
    """An approval is void after somebody has moved the channel, while other rules held."""
    rules, none = tmp_path / "channels.yaml", tmp_path / "none.yaml"
    rules.write_text("channels: [{channel: canary, approvals: {count: 2}}]\n")
    none.write_text("channels: []\n")
    anna, bert, carla, dora = (house.by(each) for each in ("anna", "bert", "carla", "dora"))
    dora.must("channel", "apply", rules)
    said = anna.must("propose", "c/web:2", "canary", "--why", "louder")
    assert said == "proposal 1: c/web:2 for c/web@canary\n"
    said = anna.refuses(GATE, "promote", "c/web:2", "canary")
    assert "2 more have to approve proposal 1" in said
    assert "nobody approves what they propose" in anna.refuses(GATE, "approve", "1")
    bert.must("approve", "1", "--say", "I listened")

    for command in (
        ("channel", "apply", none),
        ("promote", "c/web:1", "canary"),
        ("channel", "apply", rules),
    ):
        dora.must(*command)
    shown = carla.must("proposal", "show", "1")
    assert "in place of c/web:1" in shown
    assert "I listened (void: what it rested on has changed)" in shown
    assert "2 more have to approve it" in shown

    assert bert.herdbook.json("approve", "1")["missing"] == 1
    assert carla.herdbook.json("approve", "1")["missing"] == 0
    anna.must("promote", "c/web:2", "canary")
    house.must("audit", "verify")
    (listed,) = house.herdbook.json("proposal", "ls", "--all")
    assert (listed["who"], listed["state"], listed["ended_by"]) == ("anna", "promoted", "anna")


# --- what is revoked


def test_nothing_is_made_from_a_revoked_version_until_it_is_reinstated(
    built: House, tmp_path: Path
) -> None:
    """Neither with a lock nor without one, nor is anything left of the attempt."""
    recipe = tmp_path / "more.yaml"
    recipe.write_text("image: c/more\nfrom: c/base:2\nvariants: [container]\n")
    (tmp_path / "locked").mkdir()
    locked = Path(shutil.copy(recipe, tmp_path / "locked"))
    built.must("lock", locked)
    before, lock = _everything(tmp_path), locked.with_suffix(".lock")
    blobs = _everything(built.herdbook.state / "blobs")
    built.must("revoke", "c/base:2", "--reason", "its word is wrong")
    try:
        for command in (
            ("build", recipe),
            ("lock", recipe),
            ("build", locked),
            ("build", "--locked", locked),
        ):
            said = built.refuses(REVOKED, *command)
            assert "c/base:2 is revoked: its word is wrong" in said
            assert "herdbook reinstate c/base:2" in said
        assert _everything(tmp_path) == before
        assert _everything(built.herdbook.state / "blobs") == blobs
        assert leftovers(built.herdbook.state) == []
        assert "c/more" not in {each["image"] for each in built.herdbook.json("images")}
        # Who asks the channel gets what it means instead.
        recipe.write_text(recipe.read_text().replace(":2", "@production"))
        built.must("lock", recipe)
        assert json.loads(recipe.with_suffix(".lock").read_text())["parent"]["number"] == 1
    finally:
        built.must("reinstate", "c/base:2")
    built.must("build", locked)
    assert json.loads(lock.read_text())["parent"]["number"] == 2


def test_what_was_made_from_a_revoked_version_is_as_bad_unless_it_is_said_not_to_be(
    house: House,
) -> None:
    house.must("promote", "c/web:2", "production")
    house.must("revoke", "c/base:2", "--reason", "bad", "--alone")
    assert house.means() == {"c/base@production": 1, "c/web@production": 2}
    house.must("revoke", "c/base:2", "--reason", "bad")
    assert house.means() == {"c/base@production": 1, "c/web@production": 1}
    assert "c/base:2, which is revoked" in house.refuses(GATE, "promote", "c/web:2", "canary")
    house.must("reinstate", "c/base:2")
    assert house.means() == {"c/base@production": 2, "c/web@production": 2}


def test_a_revocation_by_date_does_not_hold_before(house: House) -> None:
    house.must("revoke", "c/base:2", "--reason", "bad", "--at", "2d")
    assert house.means()["c/base@production"] == 2


# --- what runs


@pytest.fixture
def application(built: House, tmp_path: Path) -> Iterator[TinyApplication]:
    """An application of what c/web@production means, which is version 1."""
    built.copied(tmp_path)
    with tiny_application(tmp_path, replicas=1) as made:
        made.write("none")
        document = yaml.safe_load(made.file.read_text())
        service = document["services"]["web"]
        del service["image"]
        service["x-herdbook"] |= {"image": "c/web@production", "bake": "200ms"}
        made.file.write_text(yaml.safe_dump(document))
        yield made


@pytest.mark.podman
@pytest.mark.timeout(180)
def test_an_application_runs_what_its_channel_means_and_leaves_what_is_revoked(
    application: TinyApplication,
) -> None:
    herdbook, house = application.herdbook, House(application.herdbook, application.folder)
    _up(application, "v1")
    herdbook.must("promote", "c/web:2", "production")
    assert application.answered_version() == "v1", "a promotion alone moves nothing that runs"
    _up(application, "v2")

    herdbook.must("revoke", "c/web:2", "--reason", "it is too loud", "--restarts", "now")
    shown = house.channel("c/web@production")
    assert (shown["now"]["version"], shown["newest"]["version"]) == (1, 2)
    assert shown["revoked"] == "c/web:2 is revoked: it is too loud"
    assert application.answered_version() == "v2", "what runs may run on"
    _up(application, "v1")

    herdbook.must("reinstate", "c/web:2")
    _up(application, "v2")
    standing = application.shown()["to_release"]

    plan = herdbook.json("revoke", "c/base:2", "--reason", "leaks", "--running", "now", "--plan")
    (reached,) = plan["applications"]
    assert (reached["version"], reached["instances"]) == ("c/web:2", 1)
    herdbook.must("revoke", "c/base:2", "--reason", "leaks", "--running", "now")
    wait_for(lambda: application.shown()["from_release"] == standing, 30, "the server acts")
    _settled(application, "v1")
    assert "c/web:2 is made from c/base:2, which is revoked: leaks" in application.words()
    told = herdbook.must("rollout", "show", application.name)
    assert "c/web:2 is made from c/base:2, which is revoked: leaks" in told
    said = house.refuses(CONFLICT, "rollback", application.name, str(standing))
    assert "which is revoked: leaks" in said


def _up(application: TinyApplication, version: str) -> None:
    said = application.said("up", application.file)
    assert said["rollout"]["state"] in {"baking", "complete"}, said
    _settled(application, version)


def _settled(application: TinyApplication, version: str) -> None:
    application.until("complete")
    wait_for(lambda: application.answered_version() == version, 10, f"{version} answers")


# --- what was done is written down


@pytest.fixture
def following(house: House, tmp_path: Path) -> House:
    """One in which staging follows production, so that a promotion writes to several tables."""
    rules = tmp_path / "channels.yaml"
    rules.write_text("channels: [{channel: production, follow_back: staging}]\n")
    house.must("channel", "apply", rules)
    return house


def test_a_promotion_killed_at_any_flush_was_done_and_written_down_or_neither(
    following: House,
) -> None:
    """Killed at the first time something is to be safe on the disk, the second, and so on."""
    outcomes = []
    for flush in itertools.count(1):
        before = _promoted(following)
        at = ("-e", "trace=fdatasync", "-e", f"inject=fdatasync:signal=KILL:when={flush}")
        killed = Herdbook(following.herdbook.state, ("strace", "-fqqo", "/dev/null", *at))
        result = killed.run("promote", f"c/base:{3 - before[-1]}", "production")
        if result.returncode == 0:
            break
        assert result.returncode == -signal.SIGKILL, result.stderr
        outcomes.append(_promoted(following) != before)
    assert {*outcomes} == {True, False}
    following.must("audit", "verify")


def _promoted(house: House) -> list[int]:
    """The versions that production got, which staging got as well, and the audit knows of."""
    got = house.sql(
        "SELECT channel, version FROM assignments WHERE image = 'c/base' ORDER BY number"
    )
    production, staging = (
        [version for name, version in got if name == channel]
        for channel in ("production", "staging")
    )
    written = house.sql(
        "SELECT json_extract(details, '$.version') FROM audit_records "
        "WHERE verb = 'promote' AND subject = 'c/base@production' ORDER BY number"
    )
    assert production == [version for (version,) in written]
    assert production[2:] == staging  # the first two came before there was a rule
    return production


_DETAILS = "UPDATE audit_records SET details = json_set(details, '$.version', 9) WHERE number = 1"
_LAST_CUT = "DELETE FROM audit_records WHERE number = 3"
_END_MOVED = (
    "UPDATE audit_head SET (number, digest) = "
    "(SELECT number, digest FROM audit_records WHERE number = 2)"
)


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ([_DETAILS], "Record 1 "),
        (["DELETE FROM audit_records WHERE number = 2"], "Record 2 of the audit is missing"),
        ([_LAST_CUT], "cut off after record 2: 1"),
        ([_LAST_CUT, _END_MOVED], "was not written by Herdbook"),
        (["DELETE FROM audit_head"], "was removed"),
    ],
    ids=["changed", "middle cut", "end cut", "end cut and moved", "end removed"],
)
def test_tampering_with_the_audit_is_found(house: House, tampering: list[str], words: str) -> None:
    house.sql(*tampering)
    assert words in house.refuses(VERIFICATION, "audit", "verify")


def test_an_audit_that_was_put_back_to_what_it_was_is_found_by_a_noted_head(
    house: House, tmp_path: Path
) -> None:
    """So is an export from which the newest record is cut."""
    (tmp_path / "older").mkdir()
    older = house.alone(tmp_path / "older")
    first = older.herdbook.json("audit", "verify")["head"]
    house.must("promote", "c/web:1", "staging")
    noted = house.herdbook.json("audit", "verify", "--head", first)["head"]
    assert "cut off" in older.refuses(VERIFICATION, "audit", "verify", "--head", noted)
    exported = house.must("audit", "export").splitlines(keepends=True)
    export = tmp_path / "audit.jsonl"
    verify = ("audit", "verify", "--file", export, "--head", noted)
    export.write_text("".join(exported))
    house.must(*verify)
    export.write_text("".join(exported[:-1]))
    assert "cut off" in house.refuses(VERIFICATION, *verify)


# --- what people get wrong


@pytest.fixture(scope="module")
def untouched(built: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A register that all these commands leave as it is."""
    return built.alone(tmp_path_factory.mktemp("untouched"))


@pytest.fixture
def said_of(
    untouched: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Run a command that is refused, in this process as there are many; nothing comes of it."""
    monkeypatch.setenv("HERDBOOK_STATE", str(untouched.herdbook.state))
    before = untouched.sql("SELECT count(*) FROM audit_records")

    def said(status: int, *words: str | Path) -> str:
        ended, output, told = run(capsys, *map(str, words))
        assert isinstance(ended, int)
        assert_clear(subprocess.CompletedProcess(words, ended, output, told), status)
        return told

    yield said
    assert untouched.sql("SELECT count(*) FROM audit_records") == before


@pytest.mark.parametrize(
    ("command", "status", "words"),
    [
        ("promote c/absent staging", 4, "c/base"),
        ("promote c/bsae:1 staging", 4, "Did you mean 'c/base'?"),
        ("promote c/base:99 staging", 4, "Its newest is 2"),
        ("promote c/base Staging", 3, "'Staging' is no name of a channel"),
        ("promote c/base@prodction staging", 4, "Did you mean 'production'?"),
        ("hold c/base --why x", 3, "IMAGE@CHANNEL"),
        ("hold c/base@prodction --why x", 4, "Did you mean 'production'?"),
        ("hold c/absent@production --why x", 4, "There is no image 'c/absent'"),
        ("release-hold c/base@production", 4, "No channel is held"),
        ("channel ls c/absent", 4, "There is no image 'c/absent'"),
        ("channel history c/base", 3, "IMAGE@CHANNEL"),
        ("channel history c/base@Production", 3, "is no name of a channel"),
        ("channel history c/base@prod", 4, "has no channel 'prod'"),
        ("revoke c/absent --reason x", 4, "There is no image 'c/absent'"),
        ("revoke c/base:2 --reason x --at yesterday", 3, "'yesterday' is no time"),
        ("revoke c/base:2 --reason x --at 2027-02-30", 3, "'2027-02-30' is no time"),
        ("revoke c/base:2 --reason x --restarts 36", 3, "'36' is no time"),
        ("revoke c/base:2 --reason x --at 2d --running now", 3, " is before --at"),
        ("reinstate c/base:2", 4, "c/base:2 is not revoked"),
        ("reinstate c/absent", 4, "There is no image 'c/absent'"),
        ("audit verify --head 17", 3, "herdbook audit verify"),
        ("audit verify --file /absent", 4, "No such file"),
        ("audit verify --file /bin/true", 3, "is no text"),
        ("audit verify --file /etc/hostname", 5, "Line 1 is no record"),
    ],
)
def test_what_is_asked_wrongly_is_told_with_a_next_step(
    said_of: Callable[..., str], command: str, status: int, words: str
) -> None:
    assert words in said_of(status, *command.split())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("channel: production\nform: staging", ":3"),
        ("channel: Production", "channel: production"),
        ("channel: production\nfollow_back: [production]", "names the channel itself"),
        ("channel: production\nfreezes: [{begin: 2026-13-01, end: 2027-01-01}]", "freezes.0.begin"),
        ("channel: production\nhours: {zone: Mars/Phobos}", "no time zone"),
        ("channel: production\nhours: {begin: '25:00'}", "hours.begin"),
        ("channel: [", "This is not YAML"),
        ("\udcff", "cannot be read"),
    ],
)
def test_rules_that_cannot_be_meant_are_told_with_their_place_and_a_next_step(
    said_of: Callable[..., str], tmp_path: Path, content: str, words: str
) -> None:
    file = tmp_path / "channels.yaml"
    text = f"channels:\n- {textwrap.indent(content, '  ').lstrip()}\n"
    file.write_bytes(text.encode(errors="surrogateescape"))
    said = said_of(3, "channel", "apply", file)
    assert words in said
    assert str(file) in said


def test_rules_that_are_not_there_are_told_with_how_to_begin_them(
    said_of: Callable[..., str], tmp_path: Path
) -> None:
    assert "Begin with: channels:" in said_of(4, "channel", "apply", tmp_path / "channels.yaml")


def _everything(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if not path.is_dir()}
