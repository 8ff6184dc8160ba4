"""Secrets of a build: seen by the steps that name them, and found nowhere afterwards."""

import base64
import json
import subprocess
from pathlib import Path

import pytest
from product import Herdbook
from tiny import Tiny, assert_clear, leftovers

pytestmark = [pytest.mark.root, pytest.mark.archive]

SECRET = "tok-9b1f/7c42+ad83e05"  # noqa: S105 - made up
FORMS = [SECRET.encode(), base64.b64encode(SECRET.encode()).rstrip(b"=")[:-1]]
ASKED = "run:\n  - command: {command}\n    secrets: [token]\n"


@pytest.fixture(scope="module")
def own(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A state of its own, where the root is made already."""
    anew = tiny.anew(tmp_path_factory.mktemp("secrets"))
    anew.built()
    return anew


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    return path


def name_of(folder: Path) -> str:
    """Return the image that a test builds, told from others by the test's own folder."""
    return f"t/{folder.name.replace('_', '-')}"


def recipe(own: Tiny, folder: Path, command: str) -> Path:
    steps = ASKED.replace("{command}", repr(command))
    return own.recipe_in(folder, steps, image=name_of(folder))


def told(result: "subprocess.CompletedProcess[str]") -> bytes:
    return (result.stdout + result.stderr).encode()


def assert_nowhere(herdbook: Herdbook, folder: Path, token: Path, *printed: bytes) -> None:
    """Neither state nor what lies beside the recipe nor any output holds the secret."""
    found = [
        path
        for place in (herdbook.state, folder)
        for path in place.rglob("*")
        if path.is_file() and not path.is_symlink() and path != token
        if any(form in path.read_bytes() for form in FORMS)
    ]
    assert found == []
    assert not any(form in text for form in FORMS for text in printed)


def test_a_step_reads_its_secret_and_nothing_keeps_it(
    own: Tiny, tmp_path: Path, token: Path
) -> None:
    command = (
        "ls -l /run/secrets/token; sha256sum </run/secrets/token >/etc/token.sum; "
        "! echo more >>/run/secrets/token; grep -c . /run/secrets/token >/etc/lines"
    )
    path = recipe(own, tmp_path, command)
    built = own.herdbook.run("build", path, "--secret", f"token={token}", "--json")
    assert built.returncode == 0, built.stderr
    exported = own.herdbook.must("export", name_of(tmp_path), "--to", tmp_path / "exported")
    shown = own.herdbook.must("show", name_of(tmp_path), "--json")
    printed = told(built), exported.encode(), shown.encode()
    assert_nowhere(own.herdbook, tmp_path, token, *printed)


def test_another_step_sees_no_secret(own: Tiny, tmp_path: Path, token: Path) -> None:
    path = recipe(own, tmp_path, "test -e /run/secrets/token")
    path.write_text(path.read_text() + "  - test ! -e /run/secrets\n")
    built = own.herdbook.run("build", path, "--secret", f"token={token}")
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_failing_step_that_prints_its_secret_is_told_without_it(
    own: Tiny, tmp_path: Path, token: Path, options: list[str]
) -> None:
    command = "set -x; cat /run/secrets/token; base64 /run/secrets/token >&2; exit 7"
    path = recipe(own, tmp_path, command)
    result = own.herdbook.run("build", path, "--secret", f"token={token}", *options)
    assert result.returncode == 9
    assert "***" in result.stderr
    assert_nowhere(own.herdbook, tmp_path, token, told(result))
    assert leftovers(own.state) == []


@pytest.mark.parametrize("command", ["cp", "base64 -w0 <"])
def test_a_step_that_puts_its_secret_into_the_image_is_refused(
    own: Tiny, tmp_path: Path, token: Path, command: str
) -> None:
    before = {path.name for path in (own.state / "blobs/sha256").iterdir()}
    end = "/etc/leak" if command == "cp" else ">/etc/leak"
    path = recipe(own, tmp_path, f"{command} /run/secrets/token {end}")
    result = own.herdbook.run("build", path, "--secret", f"token={token}")
    assert_clear(result, 5, "/etc/leak", "'token'")
    assert {path.name for path in (own.state / "blobs/sha256").iterdir()} == before
    assert leftovers(own.state) == []
    assert_nowhere(own.herdbook, tmp_path, token, told(result))


def test_a_renewed_secret_builds_nothing_anew(own: Tiny, tmp_path: Path, token: Path) -> None:
    path = recipe(own, tmp_path, "test -s /run/secrets/token; date >/dev/null")
    first = own.herdbook.json("build", path, "--secret", f"token={token}")
    token.write_text("another one")
    again = own.herdbook.json("build", path, "--secret", f"token={token}")
    assert again["unchanged"]
    assert again["digest"] == first["digest"]


def test_a_secret_that_is_missing_or_superfluous_is_told(
    own: Tiny, tmp_path: Path, token: Path
) -> None:
    path = recipe(own, tmp_path, "true")
    missing = own.herdbook.run("build", path)
    assert_clear(missing, 3, "'token'", f"{path}:", "--secret token=FILE")
    unknown = own.herdbook.run("build", path, "--secret", f"tokn={token}")
    assert_clear(unknown, 3, "'tokn'", "'token'")


def test_the_layer_of_steps_is_marked_opaque(own: Tiny, tmp_path: Path, token: Path) -> None:
    """Whoever has the image can tell which layer nobody can foretell, and what went into it."""
    path = recipe(own, tmp_path, "echo opaque >/etc/opaque")
    own.herdbook.must("build", path, "--secret", f"token={token}")
    where = ("--to", tmp_path / "exported", "--compression", "zstd")
    own.herdbook.must("export", name_of(tmp_path), *where)
    blobs = [each.read_bytes() for each in (tmp_path / "exported/blobs/sha256").iterdir()]
    (layers,) = (json.loads(blob)["layers"] for blob in blobs if b'"layers":[{' in blob)
    marks = {
        layer["annotations"]["org.opencontainers.image.title"]: layer["annotations"]
        for layer in layers
    }
    assert marks["run"]["io.herdbook.opaque"] == "true"
    assert marks["run"]["io.herdbook.inputs"].startswith("sha256:")
    assert [title for title, mark in marks.items() if "io.herdbook.opaque" in mark] == ["run"]
