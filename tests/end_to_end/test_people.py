"""Who reads from elsewhere says who they are, with the tools that people log in with."""

import json
import subprocess
from collections.abc import Iterator

import pytest
from product import PROGRAM, tool
from served import Served, served_by
from tiny import Tiny, assert_clear, copied_state

pytestmark = [pytest.mark.root, pytest.mark.archive]

FORBIDDEN = 17
PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


@pytest.fixture(scope="module")
def served(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("people")
    herdbook = copied_state(tiny.state, folder)
    herdbook.must("role", "grant", "robot:reader", "viewer", "--images", "t/*")
    herdbook.must("role", "grant", "robot:ci", "builder", "--images", "t/*")
    with served_by(herdbook, folder) as found:
        yield found
    assert "hbt_" not in "".join(found.printed)
    assert PASSWORD not in "".join(found.printed)


def token(served: Served, name: str, whom: str, *options: str) -> str:
    return served.herdbook.must("token", "create", name, "--for", whom, *options).strip()


@pytest.mark.podman
def test_podman_logs_in_with_a_token_and_pulls_what_that_may_see(served: Served) -> None:
    image = f"{served.place}/t/tiny:1"
    refused = served.podman("pull", image)
    assert refused.returncode
    assert "Say who you are" in refused.stderr or "unauthorized" in refused.stderr
    text = token(served, "reader", "robot:reader")
    wrong = served.podman("login", "--username=x", "--password-stdin", served.place, given="no")
    assert wrong.returncode
    login = ("login", "--username=x", "--password-stdin", served.place)
    done = served.podman(*login, given=text)
    assert done.returncode == 0, done.stderr
    try:
        pulled = served.podman("pull", image)
        assert pulled.returncode == 0, pulled.stderr
    finally:
        tool("podman", "rmi", "--force", "--ignore", image)
    other = token(served, "other", "robot:reader", "--images", "other/*")
    assert served.podman(*login, given=other).returncode == 0
    hidden = served.podman("pull", image)
    assert hidden.returncode
    assert "There is no image" in hidden.stderr or "unknown" in hidden.stderr
    served.herdbook.must("token", "revoke", "reader")
    assert served.podman(*login, given=text).returncode


def test_a_password_opens_the_view_while_its_user_may_see_something(served: Served) -> None:
    added = subprocess.run(
        [PROGRAM, "user", "add", "anna", "--password-stdin"], input=f"{PASSWORD}\n",
        env=served.herdbook.environment(), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    manifest = "/v2/t/tiny/manifests/1"
    assert served.status(manifest, "anna", PASSWORD) == 404
    served.herdbook.must("role", "grant", "user:anna", "viewer", "--images", "t/tiny")
    assert served.status(manifest, "anna", PASSWORD) == 200
    served.herdbook.must("user", "disable", "anna")
    assert served.status(manifest, "anna", PASSWORD) == 401


def test_a_robot_proposes_as_itself_and_does_nothing_else(served: Served) -> None:
    text = token(served, "ci", "robot:ci")
    who = json.loads(served.by_token(text, "whoami", "--json").stdout)
    assert (who["actor"], who["token"]) == ("robot:ci", "ci")
    proposed = served.by_token(text, "propose", "t/tiny", "production", "--why", "it is new")
    assert proposed.returncode == 0, proposed.stderr
    refused = served.by_token(text, "promote", "t/tiny", "production")
    assert_clear(refused, FORBIDDEN, "robot:ci may not promote", "operator", "user:")
    told = served.herdbook.json("audit", "ls")
    done = [(each["who"], each["verb"]) for each in told if each["who"] == "robot:ci"]
    assert done == [("robot:ci", "propose"), ("robot:ci", "refused")]
    changed = text[:-1] + ("0" if text[-1] != "0" else "1")
    for wrong in (changed, text + "x", "root"):
        assert_clear(served.by_token(wrong, "images"), FORBIDDEN, "no token of this register")
    served.herdbook.must("audit", "verify")
