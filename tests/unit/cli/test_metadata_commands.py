"""The commands of what people sign: they say what is signed, by whom, and what is missing."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding
from channel_images import put_rules
from commands import Run, json_of
from signers import NAMES, Signers
from stores import open_store

from herdbook.actions.propose import propose
from herdbook.actions.workshop import Workshop

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "json.md").read_text()
DUE = {"role", "version", "threshold", "signed", "missing"}


@pytest.fixture
def signers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Signers:
    """Rules that want signatures, and three people whose keys lie in the folder `keys`."""
    monkeypatch.setenv("HERDBOOK_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("HERDBOOK_DATABASE", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    made = Signers(replace(open_store(tmp_path / "state").workshop, actor="dora"))
    add_holding(made.workshop, OLD_SSL)
    put_rules(made.workshop, made.rules(*NAMES))
    (tmp_path / "keys").mkdir()
    for name, key in made.keys.items():
        (tmp_path / "keys" / f"{name}.key").write_bytes(key.pem())
        (tmp_path / "keys" / f"{name}.pub").write_text(key.public.pem)
    return made


@pytest.fixture
def keys(signers: Signers, tmp_path: Path) -> Path:
    assert signers.keys
    return tmp_path / "keys"


@pytest.fixture
def begun(run: Run, keys: Path) -> None:
    """Anna holds the root alone, and has signed it."""
    assert run("metadata", "holders", "--key", f"{keys}/anna.pub")[0] == 0
    assert run("metadata", "sign", "--key", f"{keys}/anna.key")[0] == 0


def test_what_waits_is_said_with_what_it_says_and_who_is_missing(run: Run, keys: Path) -> None:
    run("metadata", "holders", "--key", f"{keys}/anna.pub", "--key", f"{keys}/bert.pub")
    status, output, errors = run("metadata", "show")
    assert (status, errors) == (0, "")
    assert "root 1: 1 more of anna, bert has to sign" in output
    assert re.search(r"the root is held by 1 of anna \([0-9a-f]{8}\), bert \(", output)
    assert re.search(r"2 of anna .*, bert .*, carol .* sign for \*@production", output, re.DOTALL)
    status, output, _ = run("metadata", "sign", "--key", f"{keys}/carol.key")
    assert (status, output) == (0, "")


@pytest.mark.usefixtures("begun")
def test_what_is_published_is_listed_within_80_columns(run: Run) -> None:
    status, output, errors = run("metadata", "show")
    assert (status, errors) == (0, "")
    assert re.search(r"^root +1 +\d{4}-\d\d-\d\d", output, re.MULTILINE)
    assert max(map(len, output.splitlines())) <= 80
    assert json.loads(run("metadata", "root")[1])["signed"]["_type"] == "root"


@pytest.mark.usefixtures("begun")
def test_a_key_without_a_password_is_told_and_a_public_one_does_not_sign(
    run: Run, keys: Path, tmp_path: Path
) -> None:
    _, _, errors = run("key", "new", "dora", "--folder", str(tmp_path))
    assert "It has no password" in errors
    status, _, errors = run("metadata", "sign", "--key", f"{keys}/anna.pub")
    assert status == 3
    assert "Name the private key" in errors


@pytest.mark.usefixtures("begun")
def test_an_approval_with_a_key_says_who_else_has_to_sign(
    run: Run, keys: Path, signers: Signers
) -> None:
    made: Workshop = signers.workshop
    propose(made, "shop/web:1", "production", "it is good")
    status, output, errors = run("approve", "1", "--key", f"{keys}/bert.key")
    assert status == 0
    assert "proposal 1 is signed by" in output
    assert "1 more of anna, carol has to sign: herdbook approve 1 --key FILE" in errors
    assert "signed by bert" in run("proposal", "show", "1")[1]
    _, _, errors = run("approve", "1", "--key", f"{keys}/carol.key")
    assert "Nothing more is needed: herdbook promote shop/web:1 production" in errors


def test_the_shapes_are_the_documented_ones(run: Run, keys: Path, tmp_path: Path) -> None:
    [due, *_] = json_of(run, "metadata", "holders", "--key", f"{keys}/anna.pub")
    signed = json_of(run, "metadata", "sign", "--key", f"{keys}/anna.key")
    assert signed["published"] == signed["signed"]
    shown = json_of(run, "metadata", "show")
    exported = json_of(run, "metadata", "export", str(tmp_path / "given"))
    assert "metadata/timestamp.json" in exported["files"]
    made = json_of(run, "key", "new", "dora", "--folder", str(tmp_path))
    shapes = {
        "metadata holders": set(due),
        "metadata sign": set(signed),
        "metadata show": {*shown, *shown["published"][0]},
        "metadata export": set(exported),
        "key new": set(made),
    }
    assert set(due) == DUE
    for command, keys_ in shapes.items():
        [row] = [line for line in DOCUMENTED.splitlines() if line.startswith(f"| `{command}` |")]
        assert set(re.findall(r'"([a-z_]+)"', row)) == keys_, command


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("metadata", "show"), 4, "herdbook metadata holders"),
        (("metadata", "root"), 4, "herdbook metadata show"),
        (("metadata", "export", "given"), 4, "herdbook metadata show"),
        (("metadata", "sign", "--key", "absent.key"), 4, "herdbook key new"),
        (("metadata", "holders", "--key", "absent.pub"), 4, "herdbook key new"),
    ],
)
@pytest.mark.usefixtures("signers")
def test_what_cannot_be_done_yet_names_the_next_step(
    run: Run, arguments: tuple[str, ...], status: int, words: str
) -> None:
    found, _, errors = run(*arguments)
    assert found == status
    assert words in errors
