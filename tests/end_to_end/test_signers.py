"""People sign with their own keys what a channel gets; a client needs nothing but the root."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from applications import wait_for
from product import Herdbook
from tiny import Tiny, assert_clear, copied_state

from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.root, pytest.mark.archive]

GATE, NOT_FOUND, INVALID, CONFLICT = 15, 4, 3, 10


@dataclass(frozen=True)
class Team:
    """A register with t/tiny:1, and the keys of anna, bert and carol, encrypted."""

    herdbook: Herdbook
    folder: Path

    def by(self, who: str) -> Herdbook:
        settings = {"SUDO_USER": who, "HERDBOOK_SIGNER_PASSWORD": f"{who}'s"}
        return replace(self.herdbook, settings=settings)

    def key(self, who: str) -> Path:
        return self.folder / f"{who}.key"


@pytest.fixture
def team(tiny: Tiny, tmp_path: Path) -> Team:
    made = Team(copied_state(tiny.state, tmp_path), tmp_path)
    for who in ("anna", "bert", "carol"):
        made.by(who).must("key", "new", who, "--folder", tmp_path)
        assert b"ENCRYPTED" in made.key(who).read_bytes()
    return made


@pytest.fixture
def guarded(team: Team) -> Team:
    """The same, where anna and bert hold the root, and two of three sign for production."""
    owner, folder = team.herdbook, team.folder
    assert_clear(owner.run("metadata", "show"), NOT_FOUND, "Nobody holds a root yet")
    holders = [f"--key={folder / f'{who}.pub'}" for who in ("anna", "bert")]
    owner.must("metadata", "holders", *holders, "--threshold", "2")
    keys = {who: (folder / f"{who}.pub").read_text() for who in ("anna", "bert", "carol")}
    rules = {"channels": [{"channel": "production", "signers": {"count": 2, "keys": keys}}]}
    (folder / "channels.yaml").write_text(json.dumps(rules))
    owner.must("channel", "apply", folder / "channels.yaml")
    assert "2 of the keys anna, bert, carol sign" in owner.must("channel", "rules")
    assert_clear(owner.run("promote", "t/tiny:1", "production"), GATE, "holders of the root")
    team.by("anna").must("metadata", "sign", "--key", team.key("anna"))
    assert_clear(owner.run("metadata", "root"), NOT_FOUND, "published")
    told = team.by("bert").must("metadata", "sign", "--key", team.key("bert"))
    assert "published: root, targets" in told
    (folder / "root.json").write_text(owner.must("metadata", "root"))
    return team


def test_two_of_three_sign_and_a_client_with_the_root_sees_it(guarded: Team) -> None:
    team, owner, folder = guarded, guarded.herdbook, guarded.folder
    dora = team.by("dora")
    dora.must("propose", "t/tiny:1", "production", "--why", "it is good")
    assert_clear(owner.run("promote", "t/tiny:1", "production"), GATE, "2 more of anna, bert")
    wrong = replace(team.by("anna"), settings={"HERDBOOK_SIGNER_PASSWORD": "guessed"})
    refused = wrong.run("approve", "1", "--key", team.key("anna"))
    assert_clear(refused, INVALID, "password of the private key")
    own = dora.run("approve", "1", "--key", folder / "absent.key")
    assert_clear(own, NOT_FOUND, "herdbook key new")
    team.by("anna").must("approve", "1", "--key", team.key("anna"))
    assert "1 more of bert, carol has to sign" in owner.must("proposal", "show", "1")
    team.by("carol").must("approve", "1", "--key", team.key("carol"))
    assert owner.json("proposal", "show", "1")["signatures"]["signed"] == ["anna", "carol"]
    owner.must("promote", "t/tiny:1", "production")

    digest = owner.json("show", "t/tiny")["digest"]
    client = ("metadata", "check", "t/tiny@production", "--root", folder / "root.json")
    elsewhere = Herdbook(folder / "elsewhere")  # who asks has no register
    memory = ("--memory", folder / "seen")
    owner.must("metadata", "export", folder / "given")
    found = elsewhere.json(*client, *memory, "--at", folder / "given")
    assert (found["version"], found["digest"]) == (1, digest)
    port = HostNetwork().free_port()
    with owner.running("serve", "--listen", f"127.0.0.1:{port}"):
        address = f"http://127.0.0.1:{port}/tuf"
        asked = (*client, *memory, "--at", address)
        wait_for(lambda: elsewhere.run(*asked).returncode == 0, 60, "the server answers")
        assert elsewhere.json(*asked)["digest"] == digest
    assert not (folder / "elsewhere").exists()


def test_a_key_is_not_written_over_another_one(team: Team) -> None:
    again = team.by("anna").run("key", "new", "anna", "--folder", team.folder)
    assert_clear(again, CONFLICT, "is there already")
    assert_clear(team.by("anna").run("key", "new", "../x"), INVALID, "no name of a key")
